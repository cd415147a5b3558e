#!/bin/sh
# A picture may say by four numbers (CICP: `nclx` in AVIF and HEIF, the chunk `cICP` in PNG), and not by an ICC profile, that it is in Display P3. Pillow
# 13.0.0 and pyvips 3.2.0 with libvips 8.18.7 read neither AVIF's nor PNG's: the numbers of the pixels come as if they were sRGB, `info` does not tell,
# and what is saved from them is dull. Chromium (Debian's) shows the red that is meant. pillow-heif 1.8.1 tells, as `nclx_profile`.
# Expected: converted, or a profile in `info`, as for a picture with an ICC profile.
# Needs Debian's package chromium.
. "$(dirname "$0")/setup.sh"
with_python pillow==13.0.0 pillow-heif==1.8.1 pyvips==3.2.0 pyvips-binary==8.18.7

cat > expected <<'END'
p3.avif: Pillow 234,51,35, nothing in info; pyvips 234,51,35, no field; Chromium 255,0,0
p3.png: Pillow 234,51,35, nothing in info; pyvips 234,51,35, no field; Chromium 255,0,0
p3.heic: Pillow 234,51,35, nclx_profile in info
END
cat > read.py <<'END'
import io
import struct
import subprocess
import zlib
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pillow_heif
import pyvips
from PIL import Image

RED = (234, 51, 35)  # in Display P3; 255,0,0 in sRGB
PAGE = """<body><script>
const read = async (name) => {
  const image = new Image();
  image.src = name;
  await image.decode();
  const canvas = new OffscreenCanvas(64, 64).getContext('2d');
  canvas.drawImage(image, 0, 0);
  return [...canvas.getImageData(32, 32, 1, 1).data.slice(0, 3)].join();
};
(async () => { document.body.textContent = `saw [${await read('p3.avif')}|${await read('p3.png')}]`; })();
</script>"""


def near(pixel):
    """Give the colour that these numbers are, but for the last digit that a lossy format changes."""
    known = (RED, (255, 0, 0))
    return ",".join(map(str, next((each for each in known if all(abs(a - b) < 4 for a, b in zip(each, pixel, strict=True))), pixel)))


picture = Image.new("RGB", (64, 64), RED)
picture.save(avif := io.BytesIO(), "AVIF", quality=100, subsampling="4:4:4")
octets = bytearray(avif.getvalue())
at = octets.index(b"colrnclx") + 8
octets[at : at + 2] = struct.pack(">H", 12)  # primaries: 1, BT.709, becomes 12, Display P3; the transfer stays 13, sRGB's
open("p3.avif", "wb").write(octets)
picture.save(png := io.BytesIO(), "PNG")
chunk = b"cICP" + bytes([12, 13, 0, 1])
open("p3.png", "wb").write(png.getvalue()[:33] + struct.pack(">I", 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) + png.getvalue()[33:])
pillow_heif.register_heif_opener()
profile = {"color_primaries": 12, "transfer_characteristics": 13, "matrix_coefficients": 6, "full_range_flag": 1}
picture.save("p3.heic", quality=100, chroma=444, save_nclx_profile=True, **profile)
open("page.html", "w").write(PAGE)

quiet = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
server = ThreadingHTTPServer(("127.0.0.1", 0), quiet)
Thread(target=server.serve_forever, daemon=True).start()
browser = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--user-data-dir=profile", "--virtual-time-budget=10000", "--dump-dom"]
shown = subprocess.run([*browser, f"http://127.0.0.1:{server.server_port}/page.html"], capture_output=True, text=True, timeout=90).stdout
seen = shown.split("saw [")[-1].split("]")[0].split("|")
for name, by_chromium in zip(("p3.avif", "p3.png"), seen, strict=True):
    image = Image.open(name)
    image.load()
    told = [key for key in image.info if key not in {"timestamp", "duration"}] or "nothing"
    other = pyvips.Image.new_from_file(name)
    fields = [each for each in other.get_fields() if any(word in each for word in ("icc", "nclx", "cicp", "primaries"))] or "no field"
    by_chromium = near(tuple(map(int, by_chromium.split(","))))
    print(f"{name}: Pillow {near(image.getpixel((32, 32)))}, {told} in info; pyvips {near(tuple(map(int, other(32, 32))))}, {fields}; Chromium {by_chromium}")
image = Image.open("p3.heic")
told = [key for key in image.info if key in {"icc_profile", "nclx_profile"} and image.info[key]]
print(f"p3.heic: Pillow {near(image.getpixel((32, 32)))}, {', '.join(told)} in info")
END
env/bin/python read.py > seen
compare
