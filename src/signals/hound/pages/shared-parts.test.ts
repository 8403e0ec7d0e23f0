import { expect, test } from "bun:test";

import { renderHtml } from "../../../kit/pages/html.ts";
import { ManualClock } from "../../../kit/testing/manual-clock.ts";
import { sharedParts } from "./shared-parts.ts";

test("sharedParts: drawn once for all within a second, each page by itself, and never escaped twice", () => {
  const clock = new ManualClock();
  const share = sharedParts(clock);
  let drawn = 0;
  const look = (page: string) => {
    const { a } = share(page, () => ({ a: `<${page} ${++drawn}>` }));
    return renderHtml(a);
  };
  expect(Array.from({ length: 100 }, () => look("x")).every((text) => text === "&lt;x 1&gt;")).toBe(true);
  expect(look("y")).toBe("&lt;y 2&gt;");
  clock.advance(999);
  expect(look("x")).toBe("&lt;x 1&gt;");
  clock.advance(1);
  expect(look("x")).toBe("&lt;x 3&gt;");
  for (let page = 0; page < 1000; page++) look(`p${page}`);
  expect(look("p999")).toBe("&lt;p999 1003&gt;");
  expect(look("x")).toBe("&lt;x 1004&gt;");
});
