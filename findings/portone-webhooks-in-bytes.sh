#!/bin/sh
# portone-server-sdk 0.21.0: `webhook.verify` refuses a genuine webhook whose body is given as bytes, as every Python framework has it
# (NO_MATCHING_SIGNATURE: it signs the text "b'…'"), and whose headers come as a dict with `Webhook-Id` (MISSING_REQUIRED_HEADERS: it
# looks for lower case in any mapping). standardwebhooks 1.1.0, whose scheme it is, takes both.
# Expected: the same answer for the same bytes.
. "$(dirname "$0")/setup.sh"
with_python portone-server-sdk==0.21.0 standardwebhooks==1.1.0

cat > expected <<'END'
text, lower case: portone WebhookTransactionPaid, standardwebhooks dict
bytes, lower case: portone NO_MATCHING_SIGNATURE, standardwebhooks dict
text, as Django writes them: portone MISSING_REQUIRED_HEADERS, standardwebhooks dict
END
env/bin/python - > seen <<'END'
import base64
import json
from datetime import UTC, datetime

import standardwebhooks
from portone_server_sdk import webhook

SECRET = "whsec_" + base64.b64encode(b"an example's, known to everybody").decode()
theirs = standardwebhooks.Webhook(SECRET)
paid = {"paymentId": "payment-1", "storeId": "store-1", "transactionId": "transaction-1"}
body = json.dumps({"type": "Transaction.Paid", "timestamp": "2026-12-01T00:00:00.000Z", "data": paid})
now = datetime.now(UTC)
headers = {"webhook-id": "1", "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": theirs.sign("1", now, body)}
titled = {name.title(): value for name, value in headers.items()}
for name, given, heads in (
    ("text, lower case", body, headers),
    ("bytes, lower case", body.encode(), headers),
    ("text, as Django writes them", body, titled),
):
    try:
        portone = type(webhook.verify(SECRET, given, heads)).__name__
    except webhook.WebhookVerificationError as refused:
        portone = str(refused)
    print(f"{name}: portone {portone}, standardwebhooks {type(theirs.verify(given, heads)).__name__}")
END
compare
