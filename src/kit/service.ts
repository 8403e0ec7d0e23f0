/**
 * The contract between a service and the node that runs it. A service exports one Service value from its `service.ts`;
 * `services.ts` lists it; the node calls `start` with everything the service may use, and gets back what it serves.
 * A service never reads the environment, a global clock or another service's insides.
 */
import type { Command } from "commander";

import type { Clock } from "./clock.ts";
import type { Cluster } from "./cluster.ts";
import type { Section } from "./config/declaration.ts";
import type { Events } from "./events.ts";
import type { SocketHandler, SocketSettings, SocketTopics } from "./http/socket.ts";
import type { LogEntry, Logger } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import type { PageShell } from "./pages/shell.ts";
import type { Random } from "./random.ts";
import type { Reach } from "./reach.ts";
import type { Worker } from "./worker.ts";

/** The folders under `src/` that hold services. */
export const serviceGroups = ["storage", "signals", "wires", "people", "apps", "ops"] as const;
/** One of {@link serviceGroups}. */
export type ServiceGroup = (typeof serviceGroups)[number];

/** What the table of services says without loading any of them. */
export interface ServiceEntry {
  name: string;
  group: ServiceGroup;
  /** What it does, in plain words, without a final period. */
  summary: string;
  /** Runs under `warren up` unless the configuration says otherwise. */
  byDefault: boolean;
  load(): Promise<Service<object>>;
}

/** A service as its folder exports it. */
export interface Service<Options extends object> {
  readonly name: string;
  readonly config: Section<Options>;
  /** Whether, with these options, it wants the node to gossip. @default false */
  usesCluster?(options: Options): boolean;
  /** What it wants of websockets, with these options; undefined when it takes none. */
  sockets?(options: Options): SocketSettings | undefined;
  /**
   * Whether, with these options, it does one thing and ends instead of serving: its {@link RunningService.errand}. Asked
   * only where it is started alone; the node then listens nowhere. @default false
   */
  runsErrand?(options: Options): boolean;
  /** Opens stores, starts workers, and returns what to serve. Throws a Fault when it cannot run. */
  start(context: ServiceContext<Options>): Promise<RunningService>;
  /**
   * Turns the predecessor's flags, where `words` (what stands after `warren <name>`) hold any, into this service's own, so
   * that it can be started in its place; gives the words back unchanged otherwise.
   */
  originalFlags?(words: readonly string[]): string[];
  /** Adds terminal verbs below `warren <name>`. */
  commands?(program: Command): void;
}

/** Everything a service may use. */
export interface ServiceContext<Options extends object> {
  readonly options: Options;
  readonly log: Logger;
  /** The newest log entries of the whole node, oldest first. */
  readonly recentLog: () => readonly LogEntry[];
  readonly metrics: Metrics;
  readonly events: Events;
  readonly clock: Clock;
  readonly random: Random;
  /** A folder of its own, already made, mode 0700. */
  readonly dataFolder: string;
  /** Where its routes begin: `/cask` on the shared address, the empty string on an address of its own. */
  readonly mountPath: string;
  /** The URL at which others reach {@link mountPath}, without a trailing slash. */
  readonly baseUrl: string;
  /** True when started as `warren <name>`, standing in for its predecessor. */
  readonly alone: boolean;
  /** Tokens exist: answers are for those who show one, and shared caches must not keep them. */
  readonly guarded: () => boolean;
  readonly cluster: Cluster;
  /** The way to another service of this program; undefined when that one does not run, or stands later in the table. */
  readonly reach: (service: string) => Reach | undefined;
  /** To all websockets at once that subscribed to a topic. */
  readonly sockets: SocketTopics;
  readonly shell: PageShell;
  /** Aborts when the node begins to stop. */
  readonly signal: AbortSignal;
}

/** Who is asking, as far as the connection tells. */
export interface Caller {
  /** The peer's IP address. */
  readonly address: string;
  /** Set for the request's id, for logs and answers. */
  readonly requestId: string;
  /** The name of the token that was shown, or `anonymous`. */
  readonly name: string;
  /** Set for another service of the same program: the body of its request is in memory already. */
  readonly within?: true;
  /** Whether the caller may do what `scope` covers in this service. */
  may(scope: Scope): boolean;
  /**
   * Lifts the idle limit of the connection, for streams that may be silent for long. The signal aborts when the stream
   * has to end: its reader left, or may no longer do what `scope` covers. It has aborted already for HEAD. Without a scope
   * the right to read is the service's own to watch, such as that of a token of its application.
   */
  keepOpen(scope?: Scope): AbortSignal;
  /**
   * Turns the request into a websocket; what it gives has to be the answer. `headers` go out with the 101. Absent for
   * another service of the same program. Faults: `http/no-websocket` (invalid) for a request that is no right handshake.
   */
  upgrade?(handler: SocketHandler, headers?: Headers): Response;
}

/** What a token may do, in rising order; each covers those before it. */
export const scopes = ["read", "write", "admin"] as const;
/** One of {@link scopes}. */
export type Scope = (typeof scopes)[number];

/** One finding about a service's state. */
export interface Finding {
  name: string;
  state: "ok" | "degraded" | "failed";
  /** One sentence for people, with what to do if something is wrong. */
  sentence: string;
}

/** A service that runs. */
export interface RunningService {
  /** Answers a request whose path begins with the mount path. Throws Faults; the listener turns them into answers. */
  handle(request: Request, caller: Caller): Response | Promise<Response>;
  /** The scope a request needs, asked before {@link handle}; `undefined` lets the service decide by itself. */
  scopeOf?(request: Request, path: string): Scope | undefined;
  /**
   * Whether a request shows a right of its own, such as an upload key in a form, and may therefore come from a page of
   * another site. It then comes without any other rights. @default false
   */
  fromElsewhere?(request: Request, path: string): boolean;
  /**
   * Whether bearer tokens of a request are the service's own, such as those of a protocol that it speaks. The node does not
   * judge them; the request comes without any other rights. @default false
   */
  ownTokens?(request: Request, path: string): boolean;
  /** The path, below the mount, as logs may show it: one that is itself a right is a secret. @default the path */
  loggedPath?(path: string): string;
  health(): readonly Finding[];
  /** Short facts for the console's table, such as `blobs: 12,034`. */
  facts?(): Record<string, string>;
  readonly workers: readonly Worker[];
  /** The one thing that it does instead of serving; resolves to the program's exit code. Aborted when told to stop. */
  errand?(signal: AbortSignal): Promise<number>;
  /** Extra addresses that it really listens on, such as a gossip port. */
  readonly addresses?: readonly { purpose: string; address: string }[];
  /** Ends background work and closes stores; called once, after the listeners have drained. */
  stop(): Promise<void>;
}
