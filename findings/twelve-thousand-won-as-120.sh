#!/bin/sh
# dinero.js 1.9.1 takes two decimals for every currency: 12,000 won, which have none (ISO 4217), are written ₩120.00, in ko-KR too.
# Expected: ₩12,000. Cure: `precision: 0`, and `toFormat('$0,0')`.
. "$(dirname "$0")/setup.sh"
with_node dinero.js@1.9.1

cat > expected <<'END'
₩120.00
₩120.00
₩12,000
END
cat > write.js <<'END'
import Dinero from 'dinero.js';

const price = { amount: 12000, currency: 'KRW' };
console.log(Dinero(price).toFormat());
console.log(Dinero(price).setLocale('ko-KR').toFormat());
console.log(Dinero({ ...price, precision: 0 }).toFormat('$0,0'));
END
node write.js > seen
compare
