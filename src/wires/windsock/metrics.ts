/** Every metric of Windsock in one place. */
import { counter, gauge, type Metrics } from "../../kit/metrics.ts";
import type { Broker } from "./broker.ts";
import type { OrderedHub } from "./hub-ordered.ts";
import type { Limits } from "./limits.ts";
import type { NodeLink } from "./links/node-link.ts";
import type { PusherDoor } from "./pusher/door.ts";
import type { SocketDoor } from "./socket-door.ts";
import type { Uplink } from "./uplink.ts";

/** What is measured. */
export interface Measured {
  hub: OrderedHub;
  limits: Limits;
  sockets: SocketDoor | undefined;
  broker: Broker | undefined;
  uplink: Uplink | undefined;
  link: NodeLink | undefined;
  pusher: PusherDoor | undefined;
}

/** Declares the metrics; all are read at each scrape. */
export function windsockMetrics(
  metrics: Metrics,
  { broker, hub, limits, link, pusher, sockets, uplink }: Measured,
): void {
  const rising = (name: string, help: string, read: () => number) => {
    const declared = counter(metrics, { name: `warren_windsock_${name}`, help });
    let reported = 0;
    Object.assign(declared, {
      collect() {
        const now = read();
        if (now > reported) declared.inc(now - reported);
        reported = now;
      },
    });
  };
  const standing = (name: string, help: string, read: () => number) =>
    gauge(metrics, { name: `warren_windsock_${name}`, help, read });

  rising("publications_total", "Publications that got their place in the order", () => hub.figures.publications);
  rising(
    "deliveries_total",
    "Publications given to clients: each counts once for everyone who hears it",
    () => hub.figures.deliveries,
  );
  rising("gaps_total", "Times that listeners were told that something is missing", () => hub.figures.gaps);
  standing("listeners", "Listeners; websockets with the same interests are one", () => hub.figures.listeners);
  standing("history_publications", "Publications that are kept to go back to", () => hub.kept.count);
  standing("history_bytes", "What these take together", () => hub.kept.sizeBytes);
  standing("connections", "Clients that are connected, by any door", () => limits.now);
  rising("connections_total", "Clients that were let in, by any door", () => limits.ever);
  rising("connections_refused_total", "Clients that were one too many", () => limits.refused);
  if (sockets) {
    standing("sockets", "Websockets that are open", () => sockets.open);
    standing("sockets_behind", "Websockets that have to catch up", () => sockets.behind);
    standing("interest_sets", "Distinct sets of interests of websockets", () => sockets.crowds);
    rising("socket_messages_total", "Messages that came by websockets", () => sockets.counts.received);
    rising("socket_refused_total", "Upgrades and words that were refused", () => sockets.counts.refused);
    rising("socket_lags_total", "Times that a websocket fell behind", () => sockets.counts.fellBehind);
    rising("socket_caught_up_total", "Times that one caught up again", () => sockets.counts.caughtUp);
    rising("sockets_cut_total", "Websockets that were ended because they read too slowly", () => sockets.counts.cut);
  }
  if (pusher) {
    standing("pusher_connections", "Clients that speak Pusher's protocol", () => pusher.figures.connections);
    rising("pusher_webhooks_dropped_total", "News of channels that were given up", () => pusher.figures.dropped);
  }
  if (broker) {
    rising("zeromq_messages_total", "Publications that came by ZeroMQ", () => broker.counts.messages);
    rising("zeromq_refused_total", "Requests by ZeroMQ that were refused", () => broker.counts.refused);
    rising("zeromq_dropped_total", "Messages that slow subscribers did not get", () => broker.counts.dropped);
    standing("zeromq_requesters", "REQ sockets that are connected", () => broker.counts.requesters);
    standing("zeromq_subscribers", "SUB sockets that are connected", () => broker.counts.subscribers);
  }
  if (link) {
    standing("link_up", "1 while what carries messages between nodes is reachable", () => (link.state().isUp ? 1 : 0));
    standing(
      "link_nodes",
      "Other nodes that are there",
      () => link.state().nodes.filter(({ isThere }) => isThere).length,
    );
  }
  if (uplink) {
    rising("broker_messages_total", "Messages that came from the broker", () => uplink.messages);
    standing("broker_up", "1 while the broker elsewhere takes and tells publications", () =>
      uplink.isAsking && uplink.isHearing ? 1 : 0,
    );
  }
}
