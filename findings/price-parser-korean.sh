#!/bin/sh
# price-parser 0.5.1 reads "3만원" (30,000 won) as 3 won, "1만 2천원" (12,000) as 1, and takes "1일" (one day) and "18V" for the price,
# though the won sign stands beside another number. "₩12.000" is 12000.
# Expected: 30000, or None: the won's usual way to write a price is not a price of 3 won.
. "$(dirname "$0")/setup.sh"
with_python price-parser==0.5.1

cat > expected <<'END'
12,000원: 12000 원
3만원: 3 원
1만 2천원: 1 원
월 1.5만원: 1.5 원
1일 3000원: 1 원
18V 전동드릴 9,000원: 18 원
END
env/bin/python - > seen <<'END'
from price_parser import Price

for text in ("12,000원", "3만원", "1만 2천원", "월 1.5만원", "1일 3000원", "18V 전동드릴 9,000원"):
    price = Price.fromstring(text)
    print(f"{text}: {price.amount} {price.currency}")
END
compare
