/**
 * What a mouse can do over a chart, by keys on the chart that has the focus: the arrows move the cursor (on all charts, as
 * they share it), with Shift in large steps; a digit hides the line of that number or shows it again.
 */

/** Where the cursor was put, as a share of the chart's width. */
let place = 1;

/** @param {Element} figure @param {number} by a share of the width */
function moveCursor(figure, by) {
  const over = figure.querySelector(".u-over");
  if (!over) return;
  place = Math.min(1, Math.max(0, place + by));
  const { height, left, top, width } = over.getBoundingClientRect();
  const at = { bubbles: true, clientX: left + place * (width - 1), clientY: top + height / 2 };
  over.dispatchEvent(new MouseEvent("mouseenter", at));
  over.dispatchEvent(new MouseEvent("mousemove", at));
}

/** @param {Element} figure @param {number} number */
function toggleLine(figure, number) {
  const name = figure.querySelectorAll(".u-legend .u-series")[number]?.querySelector("th");
  if (name instanceof HTMLElement) name.click();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !(event.target instanceof Element)) return;
  const figure = event.target.matches("[data-chart]") ? event.target : null;
  if (!figure) return;
  const step = event.shiftKey ? 0.1 : 0.01;
  if (event.key === "ArrowLeft") moveCursor(figure, -step);
  else if (event.key === "ArrowRight") moveCursor(figure, step);
  else if (/^[1-9]$/.test(event.key)) toggleLine(figure, Number(event.key));
  else return;
  event.preventDefault();
});
