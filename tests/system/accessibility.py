"""axe-core's judgement of a page, and of the text whose contrast it leaves to people."""

from functools import cache
from importlib.resources import files

from playwright.sync_api import Page

# Less than these is of no weight for who reads with a screen reader or with weak eyes.
_GRAVE = {"serious", "critical"}
_RUN = """async () => {
const results = await axe.run(document, { resultTypes: ['violations', 'incomplete'], selectors: true })
const paint = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true })
const parse = (color) => {
  paint.clearRect(0, 0, 1, 1)
  paint.fillStyle = color
  paint.fillRect(0, 0, 1, 1)
  const [r, g, b, a] = paint.getImageData(0, 0, 1, 1).data
  return [r, g, b, a / 255]
}
const over = ([r, g, b, a], under) => [r, g, b].map((value, at) => value * a + under[at] * (1 - a))
const luminance = (rgb) => {
  const [r, g, b] = rgb.map((value) => value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4)
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}
// What may lie behind an element: colours on those of its ancestors, each colour of a gradient; null where one has a picture.
const behind = (element) => {
  if (!element) return [[255, 255, 255]]
  const style = getComputedStyle(element)
  if (style.backgroundImage.includes('url(')) return null
  const plain = parse(style.backgroundColor)
  const under = plain[3] === 1 ? [plain] : behind(element.parentElement)?.map((color) => over(plain, color))
  const stops = (style.backgroundImage.match(/(?:rgba?|color)\\([^)]*\\)/g) ?? []).map(parse)
  return under && [...under, ...stops.flatMap((stop) => under.map((color) => over(stop, color)))]
}
const contrast = (element) => {
  const backs = behind(element)
  if (!backs) return null
  const style = getComputedStyle(element)
  const color = parse(element instanceof SVGElement ? style.fill : style.color)
  const ratios = backs.map((back) => {
    const [light, dark] = [luminance(over(color, back)), luminance(back)].sort((a, b) => b - a)
    return (light + 0.05) / (dark + 0.05)
  })
  const px = parseFloat(style.fontSize)
  const isLarge = px >= 24 || px >= 18.66 && Number(style.fontWeight) >= 700
  return { ratio: Math.min(...ratios), wanted: isLarge ? 3 : 4.5 }
}
const unsure = results.incomplete.filter((rule) => rule.id === 'color-contrast').flatMap((rule) => rule.nodes)
return {
  violations: results.violations.flatMap(({ id, impact, nodes }) => nodes.map((node) => ({ id, impact, html: node.html }))),
  unsure: unsure.map(({ html, any, target }) => ({ html, why: any[0]?.data?.messageKey, ...contrast(document.querySelector(target[0])) })),
}
}"""


def list_barriers(page: Page) -> list[str]:
    """Return what is a serious or critical barrier on the page; text that axe cannot judge is judged by the colours behind it."""
    page.evaluate(_axe())
    found = page.evaluate(_RUN)
    barriers = [f"{each['id']}: {each['html']}" for each in found["violations"] if each["impact"] in _GRAVE]
    for each in found["unsure"]:
        ratio = each.get("ratio")
        if ratio is None:
            barriers.append(f"contrast not known ({each['why']}): {each['html']}")
        elif ratio < each["wanted"]:
            barriers.append(f"contrast {ratio:.2f} of {each['wanted']} ({each['why']}): {each['html']}")
    return barriers


@cache
def _axe() -> str:
    return files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
