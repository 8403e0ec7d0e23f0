/**
 * What links between nodes are made of, whatever carries them.
 */
import type { Clock } from "../../../kit/clock.ts";
import type { Logger } from "../../../kit/log.ts";
import type { OrderedHub } from "../hub-ordered.ts";
import type { MeshTimes } from "./mesh.ts";
import type { RevocationList } from "./shared-revocations.ts";

/** What every link stands on. */
export interface LinkParts {
  hub: OrderedHub;
  clock: Clock;
  log: Logger;
  /** What was called back, to be shared with the others. */
  revocations?: RevocationList | undefined;
  /** @default usualTimes of mesh.ts */
  times?: MeshTimes;
}

/** What a link over a server stands on. */
export interface ServerLinkParts extends LinkParts {
  /** Begins its subjects or keys, and names the stream; Windsocks with the same one are one. Letters, digits, dashes. */
  prefix: string;
  /** Of this node. */
  nodeId: string;
  /** How many publications the stream keeps, about. */
  keep: number;
  /** How long a publication may wait for the server. */
  patienceMs: number;
}
