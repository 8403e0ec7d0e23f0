/** The links beside each chart, to its picture and to the explorer, lead to the time that is shown. */
import { shownTime } from "./time.browser.js";

document.addEventListener("time-changed", () => {
  const { from, until, zone } = shownTime();
  for (const link of document.querySelectorAll(".chart-links a")) {
    if (!(link instanceof HTMLAnchorElement)) continue;
    const url = new URL(link.href);
    url.searchParams.set("from", from);
    url.searchParams.set("until", until);
    url.searchParams.set("tz", zone);
    link.href = url.href;
  }
});
