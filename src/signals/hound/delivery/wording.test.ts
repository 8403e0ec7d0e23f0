import { expect, test } from "bun:test";

import {
  alertWording,
  errorsWording,
  graphUrls,
  recoveriesWording,
  recoveryWording,
  throttledWording,
} from "./wording.ts";

const rule = {
  name: "Load",
  target: "keepLastValue(servers.web.load)",
  kind: "Alert",
  direction: "above",
  threshold: 10,
} as const;

test("graphUrls: the predecessor's addresses to the letter, and a target with & stays whole", () => {
  const urls = graphUrls("https://graphite.example/render/", rule);
  expect(urls.daily).toBe(
    "https://graphite.example/render/?target=keepLastValue(servers.web.load)&target=threshold(10.000000)&width=1600&height=300&fontSize=20&bgcolor=FFFFFF&fgcolor=000000&hideGrid=true&colorList=%23999999,%23006699&from=-24hours",
  );
  expect(urls.weekly).toBe(
    "https://graphite.example/render/?target=keepLastValue(servers.web.load)&target=threshold(10.000000)&width=1600&height=150&fontSize=20&hideGrid=true&hideLegend=true&graphOnly=true&hideAxes=true&bgcolor=EEEEEE&fgcolor=000000&hideGrid=true&colorList=%23cccccc,%236699cc&from=-7days",
  );
  const odd = 'alias(a.b,"x&y=1 #2")';
  const url = new URL(graphUrls("https://g/render", { target: odd, threshold: 0.5 }).daily);
  expect(url.searchParams.getAll("target")).toEqual([odd, "threshold(0.500000)"]);
});

test("alertWording: subject and body of the predecessor, with a runbook only where there is one", () => {
  const urls = { daily: "https://g/d", weekly: "https://g/w" };
  expect(alertWording(rule, "Failed", "12.000000 >= 10.000000", urls)).toEqual({
    subject: "[ALERT] Load",
    text: "Load [keepLastValue(servers.web.load)] has triggered an alert\nStatus:\tFailed\nMessage:\t12.000000 >= 10.000000\n\nDaily Graph: https://g/d\nWeekly Graph: https://g/w\n",
  });
  const notice = alertWording({ ...rule, kind: "Notice", runbookUrl: "https://r" }, "Failed", "m", urls);
  expect(notice.subject).toBe("[NOTICE] Load");
  expect(notice.text).toEndWith("Weekly Graph: https://g/w\n\nRunbook link:\nhttps://r\n");
});

test("recoveryWording: names the side that is good", () => {
  expect(recoveryWording(rule)).toEqual({
    subject: "[RECOVERED] Load",
    text: "Load [keepLastValue(servers.web.load)] has returned below 10.000000\n",
  });
  expect(recoveryWording({ ...rule, direction: "below" }).text).toContain("returned above 10.000000");
});

test("the three that go to the global address have the predecessor's subjects and first lines", () => {
  expect(throttledWording(40, 5)).toMatchObject({ subject: "[ALERT] Hound is throttled" });
  expect(throttledWording(40, 5).text).toStartWith(
    "40 metrics were not OK.\nHound stopped sending messages after 5.\n",
  );
  expect(recoveriesWording(7, 5)).toEqual({
    subject: "[ALERT] Hound is recovered",
    text: "7 metrics recovered.\nHound stopped sending individual messages after 5.\n",
  });
  expect(errorsWording(3).subject).toBe("[ERROR] Hound encountered errors");
  expect(errorsWording(3).text).toStartWith("3 metrics had errors.\n");
});
