/**
 * Hears lines and parts of the page by server-sent events. A stream that is refused says not why, so the script that asks is
 * told to find out; it is opened again, each time after twice as long.
 */
import { said, tell } from "./page.browser.js";

const [firstAgainMs, mostAgainMs] = [2000, 30_000];
let againMs = firstAgainMs;

/**
 * Gives what ends it. `isBarred`: questions are refused, so that what is heard is all there is.
 * @param {{ opened: () => void, lost: (isRefused: boolean) => void, isBarred: () => boolean }} on
 */
export function openStream(on) {
  /** @type {EventSource} */
  let stream;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let again;
  const open = () => {
    const words = new URLSearchParams({ room: said("-room"), after: said("-after") });
    stream = new EventSource(`${said("")}/events?${words}`);
    stream.addEventListener("open", () => {
      againMs = firstAgainMs;
      on.opened();
    });
    stream.addEventListener("line", (event) => {
      const line = JSON.parse(event.data);
      // Ids have no gaps: who reads too slowly is not told everything, and has to ask for it.
      const isNext = line.id <= Number(said("-after")) + 1;
      if (isNext || on.isBarred()) tell("line", line);
      else tell("ask", { withParts: false });
    });
    for (const part of ["rooms", "people", "head"]) {
      stream.addEventListener(part, (/** @type {MessageEvent} */ event) => tell("parts", { [part]: event.data }));
    }
    stream.addEventListener("gap", () => location.reload());
    stream.addEventListener("error", () => {
      const isRefused = stream.readyState === EventSource.CLOSED;
      on.lost(isRefused);
      if (!isRefused) return;
      tell("ask", { withParts: false });
      again = setTimeout(open, againMs);
      againMs = Math.min(againMs * 2, mostAgainMs);
    });
  };
  open();
  return () => {
    clearTimeout(again);
    stream.close();
  };
}
