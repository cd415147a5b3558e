#!/bin/sh
# segno 1.6.6 writes some Korean words as kanji: their UTF-8 bytes happen to be valid Shift_JIS, and it puts the symbol in kanji mode.
# A reader that keeps to the standard (zxing-cpp 3.1.1) reads other characters; qrcode 8.2 writes byte mode, which is read right.
# Expected: byte mode and the same text for every Korean word. Cure: segno.make(text, mode="byte").
. "$(dirname "$0")/setup.sh"
with_python segno==1.6.6 qrcode==8.2 pillow==13.0.0 zxing-cpp==3.1.1 numpy==2.4.6

cat > expected <<'END'
드릴: segno byte, read right; mode="byte" read right; qrcode read right
버너: segno kanji, read wrong; mode="byte" read right; qrcode read right
랜턴: segno kanji, read wrong; mode="byte" read right; qrcode read right
병풍: segno kanji, read wrong; mode="byte" read right; qrcode read right
꽃1: segno kanji, read wrong; mode="byte" read right; qrcode read right
END
env/bin/python - > seen <<'END'
import io

import numpy
import qrcode
import segno
import zxingcpp
from PIL import Image


def read(picture: io.BytesIO, text: str) -> str:
    read = [each.text for each in zxingcpp.read_barcodes(numpy.array(Image.open(picture).convert("L")))]
    return "right" if read == [text] else "wrong"


def by_segno(text: str, **how: str) -> io.BytesIO:
    segno.make(text, micro=False, **how).save(picture := io.BytesIO(), kind="png", scale=6, border=4)
    return picture


for text in ("드릴", "버너", "랜턴", "병풍", "꽃1"):
    qrcode.make(text).save(other := io.BytesIO())
    mode = segno.make(text, micro=False).mode
    print(f'{text}: segno {mode}, read {read(by_segno(text), text)}; mode="byte" read {read(by_segno(text, mode="byte"), text)}; qrcode read {read(other, text)}')
END
compare
