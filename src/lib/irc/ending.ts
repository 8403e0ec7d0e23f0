/**
 * What a server's last words mean: whether to come back, and how soon. A server that does not want us is not asked again,
 * for each attempt would lengthen the ban.
 */
import type { IrcEvent } from "./event.ts";
import type { IrcMessage } from "./message.ts";

const banned =
  /\b(?:[kgdz]-?lined?|akill(?:ed)?|autokill|banned|ban(?:s)?\b|not welcome|blacklist(?:ed)?|dnsbl|rbl|drone|open proxy|you have been killed)/i;
const throttled =
  /\b(?:throttl|too many|reconnect(?:ing)? too|too fast|connection limit|no more connections|try again later|excess flood)/i;

/** The end that a message means, or undefined when it means none. */
export function whyEnded(message: IrcMessage): (IrcEvent & { kind: "ended" }) | undefined {
  const { command, params } = message;
  const reason = (params.at(-1) ?? "").slice(0, 300);
  switch (command) {
    case "465":
    case "466":
      return { kind: "ended", why: "banned", reason: reason || "banned" };
    case "463":
      return { kind: "ended", why: "banned", reason: reason || "this host may not connect" };
    case "464":
      return { kind: "ended", why: "refused", reason: reason || "wrong password" };
    case "ERROR":
      if (banned.test(reason)) return { kind: "ended", why: "banned", reason };
      if (throttled.test(reason)) return { kind: "ended", why: "throttled", reason };
      if (/password|sasl|authenticat|ident required/i.test(reason)) return { kind: "ended", why: "refused", reason };
      return { kind: "ended", why: "lost", reason: reason || "the server closed the connection" };
    default:
      return undefined;
  }
}
