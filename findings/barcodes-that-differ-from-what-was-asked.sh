#!/bin/sh
# python-barcode 0.16.1: an EAN-13 whose check digit is wrong is not refused, but printed with another last digit; Code 39 gets a check
# character by default, which scanners hand on as part of the text: ITEM1 is scanned as ITEM1+ (read by zxing-cpp 3.1.1).
# Expected: a wrong check digit is an error (it is there to find typing mistakes), and what is printed is what was given.
. "$(dirname "$0")/setup.sh"
with_python python-barcode==0.16.1 pillow==13.0.0 zxing-cpp==3.1.1 numpy==2.4.6

cat > expected <<'END'
ean13 8801234567890: 8801234567893
code39 ITEM1: ITEM1+, scanned as ITEM1+
code39 ITEM1 without a checksum: ITEM1, scanned as ITEM1
END
env/bin/python - > seen <<'END'
import io

import barcode
import numpy
import zxingcpp
from barcode.writer import ImageWriter
from PIL import Image


def scanned(code: barcode.base.Barcode) -> str:
    code.write(picture := io.BytesIO(), {"write_text": False})
    return zxingcpp.read_barcodes(numpy.array(Image.open(picture).convert("L")))[0].text


print("ean13 8801234567890:", barcode.get("ean13", "8801234567890").get_fullcode())
code39 = barcode.get_barcode_class("code39")
for words, options in (("", {}), (" without a checksum", {"add_checksum": False})):
    code = code39("ITEM1", writer=ImageWriter(), **options)
    print(f"code39 ITEM1{words}: {code.get_fullcode()}, scanned as {scanned(code)}")
END
compare
