/** Notices and what they say, for the tests of delivery. */
import type { Notice } from "../notice.ts";

/** A notice about one rule that fails, with changes. */
export function sampleNotice(facts: Partial<Notice> = {}): Notice {
  return {
    id: "notice-1",
    kind: "alert",
    createdAt: Date.UTC(2030, 0, 1),
    recipients: ["ops@example.org"],
    subject: "[ALERT] Load",
    text: "Load [servers.web.load] has triggered an alert\nStatus:\tFailed\nMessage:\t12.000000 >= 10.000000\n",
    rules: [
      {
        id: "22138d2e6b",
        name: "Load",
        target: "servers.web.load",
        kind: "Alert",
        severity: "critical",
        labels: { host: "web" },
        direction: "above",
        threshold: 10,
        runbookUrl: "https://wiki.example/load",
      },
    ],
    value: 12,
    graphs: [],
    actions: [{ title: "Acknowledge", url: "https://warren.example/hound/act/a.b" }],
    ...facts,
  };
}
