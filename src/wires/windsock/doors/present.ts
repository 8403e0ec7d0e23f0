/**
 * Who is present, as clients are told: changes are written once for all who watch, and a list holds no more than one answer
 * should, for where thousands are, each of them asks.
 */
import type { Presence, PresenceChange } from "../hub.ts";

/** Who is there. */
export interface Present {
  clients: readonly Presence[];
  /** There are others, who found no room. */
  more?: true;
}

/** The first of those who are there, about `maxBytes` of them; one at least where there is one. */
export function presentOf(clients: readonly Presence[], maxBytes: number): Present {
  let bytes = 0;
  const cut = clients.findIndex((who) => (bytes += sizeOf(who)) > maxBytes);
  return cut < 0 ? { clients } : { clients: clients.slice(0, Math.max(1, cut)), more: true };
}

function sizeOf({ connection, info, user }: Presence): number {
  return connection.length + user.length + (info?.length ?? 0) + 40;
}

const changes = new WeakMap<PresenceChange, string>();

/** What those who watch an address are told of a change there. */
export function changeJson(address: string, change: PresenceChange): string {
  let text = changes.get(change);
  if (text === undefined) {
    const { kind, who } = change;
    text = JSON.stringify({ address, kind, who });
    changes.set(change, text);
  }
  return text;
}
