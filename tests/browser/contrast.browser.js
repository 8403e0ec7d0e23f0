/**
 * One expression, evaluated in a page: every visible text and every mark, line of a control and filled bar whose colour
 * stands too little out from the ground behind it. WCAG 2.2, success criteria 1.4.3 (4.5:1, large text 3:1) and 1.4.11 (3:1).
 */
(() => {
  /** @typedef {[number, number, number, number]} Colour */

  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });

  /** @param {string} text @returns {Colour} */
  const parse = (text) => {
    if (!canvas) throw new Error("This browser draws nothing");
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = text;
    canvas.fillRect(0, 0, 1, 1);
    const [red = 0, green = 0, blue = 0, alpha = 0] = canvas.getImageData(0, 0, 1, 1).data;
    return [red, green, blue, alpha / 255];
  };

  /** @param {Colour} over @param {Colour} under @returns {Colour} */
  const mix = (over, under) => {
    const part = (/** @type {0 | 1 | 2} */ position) => over[position] * over[3] + under[position] * (1 - over[3]);
    return [part(0), part(1), part(2), 1];
  };

  /** @param {Element | null} element @returns {Colour} */
  const groundOf = (element) => {
    if (!element) return parse(getComputedStyle(document.documentElement).backgroundColor);
    const own = parse(getComputedStyle(element).backgroundColor);
    return own[3] === 1 ? own : mix(own, groundOf(element.parentElement));
  };

  /** @param {Colour} colour */
  const luminance = (colour) => {
    const linear = colour.slice(0, 3).map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * (linear[0] ?? 0) + 0.7152 * (linear[1] ?? 0) + 0.0722 * (linear[2] ?? 0);
  };

  /** @param {Colour} left @param {Colour} right */
  const ratio = (left, right) => {
    const [light = 0, dark = 0] = [luminance(left), luminance(right)].sort((one, other) => other - one);
    return (light + 0.05) / (dark + 0.05);
  };

  /** @type {{ what: string, ratio: number, wanted: number }[]} */
  const low = [];
  let looked = 0;
  /** @param {string} what @param {Colour} colour @param {Colour} ground @param {number} wanted */
  const look = (what, colour, ground, wanted) => {
    looked++;
    const found = ratio(mix(colour, ground), ground);
    if (found < wanted) low.push({ what, ratio: Math.round(found * 100) / 100, wanted });
  };

  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let text = texts.nextNode(); text; text = texts.nextNode()) {
    const element = text.parentElement;
    if (!element || text.textContent?.trim() === "" || !element.checkVisibility() || element.closest("title")) continue;
    const style = getComputedStyle(element);
    const size = Number.parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    look(`text "${text.textContent?.trim().slice(0, 40)}"`, parse(style.color), groundOf(element), large ? 3 : 4.5);
  }
  for (const shape of document.querySelectorAll(".mark-shape, .meter-fill, .spark-line, [class^='ring-']")) {
    if (!shape.checkVisibility()) continue;
    const style = getComputedStyle(shape);
    const line = style.fill === "none" ? style.stroke : style.fill;
    look(`shape ${shape.getAttribute("class")}`, parse(line), groundOf(shape.parentElement), 3);
  }
  for (const control of document.querySelectorAll("input:not([type=hidden], [type=file]), button, select, textarea")) {
    if (!control.checkVisibility()) continue;
    look(
      `border of ${control.tagName}`,
      parse(getComputedStyle(control).borderBottomColor),
      groundOf(control.parentElement),
      3,
    );
  }
  return { looked, low };
})();
