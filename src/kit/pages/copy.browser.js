/**
 * Buttons that copy what `data-copy` holds. They are hidden until this runs where copying is possible (a secure origin or
 * this machine itself), and say for a moment that it was done. One listener serves parts that are drawn again later.
 */
/** What stood on buttons before they said something else. @type {WeakMap<Element, string | null>} */
const labels = new WeakMap();

function reveal() {
  if (!navigator.clipboard) return;
  for (const button of document.querySelectorAll("[data-copy][hidden]")) button.removeAttribute("hidden");
}

document.addEventListener("click", (event) => {
  const button = event.target instanceof Element ? event.target.closest("[data-copy]") : null;
  if (!button) return;
  // Pressed again meanwhile, it goes back to its own label all the same.
  const label = labels.get(button) ?? button.textContent;
  labels.set(button, label);
  navigator.clipboard.writeText(button.getAttribute("data-copy") ?? "").then(
    () => {
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = label), 1500);
    },
    () => (button.textContent = "Copy by hand"),
  );
});

document.addEventListener("live-part", reveal);
reveal();
