/** What the pages of Windsock show. */

/** Somebody connected. */
export interface ConnectionRow {
  connection: string;
  user: string;
  transport: string;
  address: string;
  topics: readonly string[];
  /** Epoch ms; undefined where the door does not say. */
  since: number | undefined;
  waitingBytes: number | undefined;
}

/** A published message as a page shows it. */
export interface MessageRow {
  position: string;
  at: number;
  address: string;
  content: string;
}

/** The first page. */
export interface OverviewView {
  mountPath: string;
  now: number;
  clients: number;
  publications: number;
  deliveries: number;
  gaps: number;
  /** Publications of the last minute, of the busiest addresses. */
  perMinute: number;
  keptCount: number;
  keptBytes: number;
  topics: readonly { address: string; listeners: number; perMinute: number }[];
  connections: readonly ConnectionRow[];
  mayPublish: boolean;
  mayTap: boolean;
  /** What became of the form. */
  flash: { tone: "good" | "bad"; words: string } | undefined;
  /** What the form holds. */
  draft: { address: string; content: string };
}

/** Messages as they come. */
export interface TapView {
  mountPath: string;
  now: number;
  topic: string;
  /** Newest first. */
  rows: readonly MessageRow[];
  failure: string | undefined;
}

/** A room to talk in. */
export interface ChatView {
  mountPath: string;
  now: number;
  room: string;
  nick: string;
  /** Oldest first. */
  lines: readonly ChatLine[];
  present: readonly string[];
  mayTalk: boolean;
  failure: string | undefined;
}

/** What somebody said. */
export interface ChatLine {
  position: string;
  at: number;
  nick: string;
  text: string;
}

/** Tabs of all pages. */
export function windsockTabs(mountPath: string, current: "overview" | "tap" | "chat") {
  return [
    { title: "Topics", href: `${mountPath}/`, current: current === "overview" },
    { title: "Message tap", href: `${mountPath}/tap`, current: current === "tap" },
    { title: "Chat room", href: `${mountPath}/chat/lobby`, current: current === "chat" },
  ];
}
