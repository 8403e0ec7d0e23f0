import { expect, test } from "bun:test";

import { systemClock } from "../../../src/kit/clock.ts";
import { silentLog } from "../../../src/kit/log.ts";
import { until } from "../../../src/kit/testing/child-node.ts";
import { openBroker } from "../../../src/wires/windsock/broker.ts";
import { plainBroker } from "../../../src/wires/windsock/broker-fixture.ts";
import { openHub } from "../../../src/wires/windsock/hub-ordered.ts";
import type { Interest } from "../../../src/wires/windsock/publication.ts";
import { hasLibzmq, Libzmq } from "../zmtp/libzmq.ts";

const everything: Interest[] = [{ kind: "prefix", prefix: "" }];

/** A PUB of libzmq that tells. */
async function publisherAt(endpoint: string) {
  const peer = new Libzmq();
  await peer.tell("open p PUB");
  // The address may be held for a moment by the one that was killed.
  return { peer, endpoint: await until("it is bound", () => peer.bind("p", endpoint).catch(() => undefined)) };
}

test.if(hasLibzmq)(
  "collect_from: what a PUB that was killed told meanwhile is a gap, between what was heard and what is",
  async () => {
    const hub = openHub({
      clock: systemClock,
      maxMessageBytes: 10_000,
      bounds: { count: 1000, sizeBytes: 1e6, ageMs: 3_600_000 },
    });
    const first = await publisherAt("tcp://127.0.0.1:*");
    const other = await publisherAt("tcp://127.0.0.1:*");
    const heard: string[] = [];
    const broker = openBroker({
      settings: {
        ...plainBroker,
        pubSocket: ["tcp://127.0.0.1:*"],
        collectFrom: [first.endpoint, other.endpoint],
      },
      hub,
      clock: systemClock,
      random: Math.random,
      log: silentLog,
    });
    const tell = async (peer: Libzmq, content: string) => {
      await peer.send("p", "a", content);
      return heard.includes(content);
    };
    try {
      await until("both are heard", async () => {
        const publications = hub.figures.publications;
        await first.peer.send("p", "a", "early");
        await other.peer.send("p", "b", "early");
        const kept = await hub.history({ kind: "prefix", prefix: "" }, 1000);
        return publications > 1 && new Set(kept.map(({ address }) => address)).size === 2;
      });
      hub.sit(everything, { hear: ({ content }) => void heard.push(content), gap: () => void heard.push("-") });
      await until("it is heard", () => tell(first.peer, "before"));
      await until("the other is heard", () => tell(other.peer, "other before"));
      const position = hub.position;
      expect(heard).not.toContain("-");
      await first.peer.stop();
      // That another publisher speaks says nothing of this one's line.
      await until("the other is heard", () => tell(other.peer, "meanwhile"));
      expect(heard).not.toContain("-");
      const again = await publisherAt(first.endpoint);
      try {
        await until("it is heard again", () => tell(again.peer, "after"));
        const at = heard.indexOf("-");
        expect(at).toBeGreaterThan(heard.lastIndexOf("before"));
        expect(at).toBeLessThan(heard.indexOf("after"));
        expect(heard.filter((content) => content === "-")).toHaveLength(1);
        // Whoever comes back from before it is told, too.
        expect(hub.recall(everything, position).isComplete).toBe(false);
      } finally {
        await again.peer.stop();
      }
    } finally {
      broker.close();
      hub.close();
      await first.peer.stop();
      await other.peer.stop();
    }
  },
);
