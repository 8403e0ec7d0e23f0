/** What is drawn over a chart's figures: thresholds across it, and what happened at a time down it. */

/** @typedef {{ value: number, label?: string, tone?: string, below?: boolean }} Threshold */
/** @typedef {{ at: number, text: string, kind: string }} Happening */
/** `width` in pixels; `zone` is whose clocks count. @typedef {{ from: number, until: number, width: number, zone: string, happenings: readonly Happening[] }} Time */

/** Asking for a style makes the browser lay the page out anew, so each is asked once a batch. @type {Map<string, string>} */
const known = new Map();

/** Colours may be others from now on. */
export function forgetColours() {
  known.clear();
}

/** A colour of the page's styles, by day or by night. @param {string} name */
export function colour(name) {
  const found = known.get(name) ?? asked(name);
  known.set(name, found);
  return found;
}

/** @param {string} name */
function asked(name) {
  const value = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const [, day, night] = /^light-dark\(([^,]+),([^)]+)\)$/.exec(value) ?? [];
  if (day === undefined || night === undefined) return value;
  const chosen = document.documentElement.dataset["theme"];
  const isNight = chosen === "dark" || (chosen !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  return (isNight ? night : day).trim();
}

/** @param {import("uplot")} plot @param {Time} time @param {readonly Threshold[]} thresholds */
export function drawLines(plot, time, thresholds) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.lineWidth = devicePixelRatio;
  ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
  ctx.setLineDash([4 * devicePixelRatio, 3 * devicePixelRatio]);
  for (const { label, tone, value } of thresholds) {
    const y = plot.valToPos(value, "y", true);
    if (!(y >= bbox.top && y <= bbox.top + bbox.height)) continue;
    ctx.strokeStyle = ctx.fillStyle = colour(tone === "bad" ? "--bad" : "--warn");
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    ctx.textAlign = "left";
    if (label) ctx.fillText(label, bbox.left + 4 * devicePixelRatio, y - 3 * devicePixelRatio);
  }
  for (const { at, kind } of time.happenings) {
    const x = plot.valToPos(at, "x", true);
    if (!(x >= bbox.left && x <= bbox.left + bbox.width)) continue;
    ctx.strokeStyle = ctx.fillStyle = colour(
      kind === "alert" ? "--bad" : kind === "deploy" ? "--accent" : "--ink-soft",
    );
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    const size = 4 * devicePixelRatio;
    ctx.beginPath();
    ctx.moveTo(x - size, bbox.top);
    ctx.lineTo(x + size, bbox.top);
    ctx.lineTo(x, bbox.top + 1.5 * size);
    ctx.fill();
  }
  ctx.restore();
}
