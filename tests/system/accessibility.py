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
// What lies behind an element: the colours of its ancestors, or null where one has a picture.
const behind = (element) => {
  const layers = []
  for (let at = element; at; at = at.parentElement) {
    const style = getComputedStyle(at)
    if (style.backgroundImage !== 'none') return null
    layers.push(parse(style.backgroundColor))
    if (layers.at(-1)[3] === 1) break
  }
  return layers.reverse().reduce((under, layer) => over(layer, under), [255, 255, 255])
}
const contrast = (element) => {
  const back = behind(element)
  if (!back) return null
  const style = getComputedStyle(element)
  const color = parse(element instanceof SVGElement ? style.fill : style.color)
  const [light, dark] = [luminance(over(color, back)), luminance(back)].sort((a, b) => b - a)
  const px = parseFloat(style.fontSize)
  const isLarge = px >= 24 || px >= 18.66 && Number(style.fontWeight) >= 700
  return { ratio: (light + 0.05) / (dark + 0.05), wanted: isLarge ? 3 : 4.5 }
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
