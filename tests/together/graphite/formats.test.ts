/**
 * The answers' formats and the reading of times against a real graphite-web, text against text.
 */
import { expect, test } from "bun:test";

import { parseMoment } from "../../../src/lib/graphite/at-time.ts";
import { renderers } from "../../../src/lib/graphite/render-format.ts";
import { decodePickleValue } from "../../../src/lib/graphite/pickle-value.ts";
import { evaluate } from "./answers.ts";
import { besideGraphiteWeb } from "./beside.ts";
import { nowSeconds } from "./points.ts";

const from = nowSeconds - 900;
const targets = [
  "hosts.web1.cpu",
  "edge.sparse",
  "edge.big",
  "edge.small",
  "aliasSub(whole.a,'a$','x, \"y\"')",
  "edge.negative",
];

const moments = [
  "-1h",
  "-90s",
  "-2d",
  "now",
  "now-1min",
  "now+1min",
  "-1h30min",
  "-3w",
  "-1mon",
  "-1y",
  "midnight",
  "noon",
  "teatime",
  "today",
  "yesterday",
  "noon yesterday",
  "midnight+1d",
  "noon-2h",
  "6pm today",
  "10:30",
  "04:00_20261101",
  "14:15 20261110",
  "20261031",
  "10/31/26",
  "12/31/2025",
  "1/2/99",
  "january 1",
  "november 5",
  "feb17",
  "monday",
  "sunday",
  "wednesday",
  "8:30am monday",
  "1795000000",
  "0",
  "11:59pm_20260601",
  "10pm-1mon",
  "noon tomorrow",
  "6pm_yesterday-3h",
  "20260329",
  "01:30_20261025",
  "02:30_20260329",
  "3:00pm",
];
const zones = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"];

besideGraphiteWeb("formats beside graphite-web", "the formats need", (oracle) => {
  for (const format of ["raw", "csv", "json", "dygraph", "rickshaw"]) {
    test(`${format}: is the same text`, async () => {
      const response = await oracle().render({
        target: targets,
        format,
        from: `${from}`,
        until: `${nowSeconds}`,
        tz: "Europe/Berlin",
      });
      const rendered = renderers.get(format)?.(await evaluate(targets, from, nowSeconds), {
        timeZone: "Europe/Berlin",
      });
      expect(rendered?.body).toBe(await response.text());
      expect(response.headers.get("content-type")).toStartWith(rendered?.contentType ?? "nothing");
    });
  }

  test("jsonp and noNullPoints: are the same text", async () => {
    const response = await oracle().render({
      target: "edge.sparse",
      format: "json",
      jsonp: "draw",
      noNullPoints: "1",
      from: `${from}`,
      until: `${nowSeconds}`,
    });
    const rendered = renderers.get("json")?.(await evaluate(["edge.sparse"], from, nowSeconds), {
      jsonp: "draw",
      noNullPoints: true,
    });
    expect(rendered?.body).toBe(await response.text());
    expect(response.headers.get("content-type")).toStartWith(rendered?.contentType ?? "nothing");
  });

  test("pickle: says the same", async () => {
    const response = await oracle().render({
      target: targets,
      format: "pickle",
      from: `${from}`,
      until: `${nowSeconds}`,
    });
    const rendered = renderers.get("pickle")?.(await evaluate(targets, from, nowSeconds));
    if (!(rendered?.body instanceof Uint8Array)) throw new TypeError("expected bytes");
    expect(decodePickleValue(rendered.body)).toEqual(decodePickleValue(new Uint8Array(await response.arrayBuffer())));
  });

  test("moments: are the same seconds in every zone", async () => {
    const found: string[] = [];
    for (const timeZone of zones) {
      for (const text of moments) {
        const until = 4_000_000_000;
        const response = await oracle().render({
          target: "constantLine(1)",
          format: "raw",
          from: text,
          until: `${until}`,
          tz: timeZone,
        });
        const expected = Number((await response.text()).split(",")[1]);
        const seconds = parseMoment(text, { nowSeconds, timeZone });
        if (expected !== seconds) found.push(`${text} in ${timeZone}: expected ${expected}, found ${seconds}`);
      }
    }
    expect(found).toEqual([]);
  }, 180_000);

  test("moments: what graphite-web refuses is refused", async () => {
    for (const text of ["nonsense", "25:00", "-1x", "january", "13/45/26", "-h"]) {
      const response = await oracle().render({ target: "constantLine(1)", format: "raw", from: text });
      expect([text, response.status]).toEqual([text, 400]);
      expect(() => parseMoment(text, { nowSeconds })).toThrow(SyntaxError);
    }
  });
});
