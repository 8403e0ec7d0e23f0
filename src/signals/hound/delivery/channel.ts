/**
 * A way by which word goes out, and what every way gives and takes. A channel sends one notice to one recipient, once;
 * waiting, trying again and remembering are the queue's. What is worth trying again is told from what is not by the
 * Fault that a channel throws.
 */
import { Fault } from "../../../kit/fault.ts";
import type { Notice } from "../notice.ts";

/** One notice on its way to one recipient. */
export interface Sending {
  /** The same at each attempt, and no other's: receivers that know it ignore a second one. */
  key: string;
  notice: Notice;
  /** A mail address, or `channel:<name>`. */
  recipient: string;
}

/** A way by which word goes out. */
export interface Channel {
  /** `mail`, or the name that the configuration gives it. */
  readonly name: string;
  readonly kind: ChannelKind;
  /** Resolves to what the other side said, when it has taken it. Throws a Fault. */
  send(sending: Sending, signal: AbortSignal): Promise<string>;
}

/** The kinds of channels beside mail. */
export const postKinds = ["webhook", "alertmanager", "slack", "matrix", "ntfy"] as const;
/** One of {@link postKinds}. */
export type PostKind = (typeof postKinds)[number];
/** What a channel speaks. */
export type ChannelKind = "mail" | PostKind;

/** Whether what went wrong will go wrong again, so that trying is in vain until somebody changes something. */
export function isHopeless(fault: Fault): boolean {
  return ["invalid", "missing", "too-large", "forbidden"].includes(fault.kind);
}

/** What the notice says about how things are: something is wrong, or is right again, or neither. */
export function toneOf({ kind }: Pick<Notice, "kind">): "bad" | "good" | "plain" {
  if (kind === "recovery" || kind === "recoveries" || kind === "seeing") return "good";
  return kind === "silence" || kind === "digest" ? "plain" : "bad";
}
