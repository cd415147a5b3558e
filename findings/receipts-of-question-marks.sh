#!/bin/sh
# python-escpos 3.1, for receipt printers: `text("드릴 12,000원")` sends "?? 12,000?", without an error or a log line. None of its 35 printer profiles has
# a Korean code page, though Korean printers print cp949 as it comes; asking for one is a KeyError.
# Expected: an error for what cannot be printed. Cure: `_raw(text.encode("cp949"))`, which is sent unchanged, or a picture.
. "$(dirname "$0")/setup.sh"
with_python python-escpos==3.1

cat > expected <<'END'
text: ?? 12,000?; log lines 0
charcode CP949: KeyError
profiles with cp949: 0 of 35
_raw: 드릴 12,000원
END
env/bin/python - > seen <<'END'
import logging

from escpos.capabilities import CAPABILITIES
from escpos.printer import Dummy

records = []
logging.basicConfig(level=logging.DEBUG, handlers=[type("Keep", (logging.Handler,), {"emit": lambda self, record: records.append(record)})()])

printer = Dummy()
printer.text("드릴 12,000원")
print(f"text: {printer.output.split(bytes([27, 116, 0]))[-1].decode('ascii')}; log lines {len(records)}")
try:
    Dummy().charcode("CP949")
except Exception as error:
    print("charcode CP949:", type(error).__name__)
profiles = CAPABILITIES["profiles"].values()
print("profiles with cp949:", sum("949" in page for profile in profiles for page in profile["codePages"].values()), "of", len(profiles))

printer = Dummy()
printer._raw("드릴 12,000원".encode("cp949"))
print("_raw:", printer.output.decode("cp949"))
END
compare
