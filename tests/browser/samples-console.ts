/** Sample views of the console: a node that is well, one in trouble, one with nothing on it, one with hostile names. */
import type { NodeEvent } from "../../src/kit/events.ts";
import type { NodeView } from "../../src/ops/console/view.ts";

/** The instant at which all samples take place, epoch ms. */
export const sampleNow = Date.UTC(2026, 10, 21, 22, 14, 3);

/** A name that would run as a script wherever it is not escaped. */
export const hostileName = `<script>document.title="taken"</script>"'&<img src=x onerror=alert(1)>`;

function event(
  secondsAgo: number,
  service: string,
  level: NodeEvent["level"],
  sentence: string,
  id = 10_000 - secondsAgo,
): NodeEvent {
  return { id, at: sampleNow - secondsAgo * 1000, service, level, sentence };
}

const well: NodeView = {
  name: "heron",
  version: "0.1.0",
  startedAt: sampleNow - 273_000_000,
  uptimeMs: 273_000_000,
  memoryBytes: 71_303_168,
  addresses: [
    { purpose: "HTTP", address: "http://127.0.0.1:4100" },
    { purpose: "Gossip", address: "127.0.0.1:4107 (UDP and TCP)" },
  ],
  findings: [
    { name: "disk space", state: "ok", sentence: "812 GiB of 1.82 TiB are free." },
    { name: "clock", state: "ok", sentence: "It differs from its peers by 4 ms." },
  ],
  services: [
    {
      name: "cask",
      summary: "keeps files under the hash of their content, in several copies on several machines",
      group: "storage",
      state: "running",
      address: "http://127.0.0.1:4100/cask/",
      href: "/cask/",
      facts: { blobs: "12,034", bytes: "86.2 GiB", nodes: "3 of 3", "hand-offs": "0" },
      findings: [{ name: "copies", state: "ok", sentence: "Every blob has its 3 copies." }],
      workers: [
        {
          name: "scrub",
          summary: "reads every blob again and compares it with its key",
          state: "working",
          failures: { count: 0, reason: "" },
          progress: { position: "bucket 142 of 256", rate: "3.1 MiB/s", left: "4 d 2 h" },
        },
        {
          name: "hand-off",
          summary: "brings copies to nodes that were away",
          state: "idle",
          failures: { count: 0, reason: "" },
          progress: {},
        },
        {
          name: "reconcile",
          summary: "compares digests with the peers and fetches what is missing",
          state: "waiting",
          failures: { count: 0, reason: "" },
          progress: { peers: 2, compared: "just now" },
        },
      ],
    },
  ],
  events: [
    event(86_400 * 2, "node", "info", "Started, version 0.1.0."),
    event(7300, "cask", "info", "Node adder joined from 10.0.0.12:7946."),
    event(3600, "cask", "warn", "Node otter has not answered for 12 s and is suspected."),
    event(3588, "cask", "good", "Node otter is back; nothing was copied."),
    event(
      540,
      "cask",
      "bad",
      "A copy of sha256:8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4 did not match its key and was put aside.",
    ),
    event(
      539,
      "cask",
      "good",
      "sha256:8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4 was fetched again from adder and verified.",
    ),
  ],
};

const others: NodeView["services"] = [
  {
    name: "statsd",
    summary: "counts, timings and gauges by datagram",
    group: "signals",
    state: "running",
    address: "udp 127.0.0.1:8125",
    facts: { series: "418", packets: "1.2 k/s" },
    findings: [],
    workers: [],
  },
  {
    name: "houston",
    summary: "dashboards",
    group: "signals",
    state: "off",
    facts: {},
    findings: [],
    workers: [],
  },
];

const trouble: NodeView = {
  ...well,
  name: "otter",
  findings: [
    { name: "clock", state: "ok", sentence: "It differs from its peers by 4 ms." },
    {
      name: "disk space",
      state: "failed",
      sentence:
        "Only 212 MiB of 480 GiB are free on /var/lib/warren: make room or add a node; the store refuses writes below 256 MiB.",
    },
  ],
  services: [...well.services, ...others].map((service) =>
    service.name === "cask"
      ? {
          ...service,
          findings: [
            {
              name: "copies",
              state: "degraded",
              sentence:
                "418 blobs have 2 of 3 copies; 1 of 3 nodes is gone since 14 min. Copying begins in 16 min unless it returns.",
            },
          ],
          workers: service.workers.map((worker) =>
            worker.name === "hand-off"
              ? {
                  ...worker,
                  state: "failing",
                  failures: { count: 7, reason: "heron answered 507: the disk is full" },
                  progress: {},
                }
              : worker,
          ),
        }
      : service.name === "statsd"
        ? {
            ...service,
            state: "failed",
            failure: "Cannot listen on udp 127.0.0.1:8125: the port is taken by another program",
            facts: {},
          }
        : service,
  ),
};

const empty: NodeView = {
  ...well,
  name: "empty",
  services: [],
  findings: [],
  events: [],
  addresses: [],
  uptimeMs: 900,
  startedAt: sampleNow - 900,
};

const long =
  "a-machine-whose-owner-believed-that-a-name-should-tell-the-whole-story.of.its.rack.and.row.and.building.example.internal";

const hostile: NodeView = {
  ...trouble,
  name: hostileName,
  services: trouble.services.map((service) => ({
    ...service,
    name: service.name === "cask" ? hostileName : `${service.name}${long.replaceAll("-", "")}`,
    summary: hostileName,
    address: long,
    facts: { [hostileName]: long.replaceAll(/[-.]/g, "") },
  })),
  events: [event(3, long, "bad", `${hostileName} ${"x".repeat(300)}`)],
};

/** The samples by the name they have in the storybook's address. */
export const consoleSamples: Record<string, NodeView> = { well, trouble, empty, hostile };
