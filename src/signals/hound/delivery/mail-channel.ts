/**
 * Notices as mail: one message for each recipient, so that one address that is refused holds up no other. The text part
 * is the notice's own, to the letter, with the addresses that act below it; the HTML part shows the same with pictures.
 * Pictures are drawn when the mail is sent and left out when they cannot be: a mail without them is better than none.
 */
import type { Clock } from "../../../kit/clock.ts";
import { Fault, reasonOf } from "../../../kit/fault.ts";
import type { Logger } from "../../../kit/log.ts";
import type { Mailer, MailMessage, MailPicture } from "../../../kit/mail/mailer.ts";
import type { Notice, NoticeRule } from "../notice.ts";
import type { Channel, Sending } from "./channel.ts";
import { htmlOf } from "./mail-html.tsx";

/** Draws one of a notice's pictures; `rule` where it is about one. A PNG, or undefined for none. */
export type DrawGraph = (
  graph: Notice["graphs"][number],
  rule: NoticeRule | undefined,
  signal: AbortSignal,
) => Promise<Uint8Array | undefined>;

/** What the channel stands on. */
export interface MailChannelParts {
  mailer: Mailer;
  from: string;
  clock: Clock;
  log: Logger;
  /** Absent where there is nothing to draw from. */
  draw: DrawGraph | undefined;
}

/** All pictures of a mail together may take this long. */
const drawMs = 10_000;
/** Notices whose pictures are kept while their other recipients are served. */
const keptMax = 8;

/** The channel `mail`. */
export function mailChannel({ clock, draw, from, log, mailer }: MailChannelParts): Channel {
  const kept = new Map<string, Promise<MailPicture[]>>();

  const picturesOf = (notice: Notice): Promise<MailPicture[]> => {
    if (draw === undefined || notice.graphs.length === 0) return Promise.resolve([]);
    let pictures = kept.get(notice.id);
    if (!pictures) {
      pictures = drawn(notice, draw, clock, log);
      kept.set(notice.id, pictures);
      for (const [oldest] of kept) {
        if (kept.size <= keptMax) break;
        kept.delete(oldest);
      }
    }
    return pictures;
  };

  return {
    name: "mail",
    kind: "mail",
    async send(sending, signal) {
      const receipt = await mailer.send(messageOf(sending, from, await picturesOf(sending.notice)), signal);
      const [refused] = receipt.rejected;
      if (refused) throw new Fault(refused.isFinal ? "invalid" : "unavailable", "mail/refused", refused.reason);
      return receipt.response;
    },
  };
}

async function drawn(notice: Notice, draw: DrawGraph, clock: Clock, log: Logger): Promise<MailPicture[]> {
  const late = new AbortController();
  const cancel = clock.schedule(drawMs, () => late.abort(new Error(`not drawn within ${drawMs} ms`)));
  const ended = new Promise<undefined>((resolve) => late.signal.addEventListener("abort", () => resolve(undefined)));
  const rule = notice.rules.length === 1 ? notice.rules[0] : undefined;
  const pictures = notice.graphs.map(async (graph, position): Promise<MailPicture | undefined> => {
    try {
      // Whatever draws may not heed the signal.
      const bytes = await Promise.race([draw(graph, rule, late.signal), ended]);
      const id = `graph-${position + 1}@${notice.id.replace(/[^\w.-]/g, "-")}`;
      return bytes && { id, title: graph.title, mediaType: "image/png", bytes };
    } catch (thrown) {
      log.warn("A graph for a mail could not be drawn; it goes without", { reason: reasonOf(thrown) });
      return undefined;
    }
  });
  try {
    return (await Promise.all(pictures)).filter((picture) => picture !== undefined);
  } finally {
    cancel();
  }
}

function messageOf({ key, notice, recipient }: Sending, from: string, pictures: readonly MailPicture[]): MailMessage {
  const [rule] = notice.rules;
  return {
    from,
    to: [recipient],
    subject: notice.subject,
    text: textOf(notice),
    html: htmlOf(notice, pictures),
    pictures,
    id: key,
    createdAt: notice.createdAt,
    headers: {
      "X-Warren-Notice": notice.kind,
      // Mail programs show the mails of one rule together.
      ...(rule === undefined || notice.rules.length > 1
        ? {}
        : { References: `<hound-${rule.id.replace(/[^\w-]/g, "-")}@warren>` }),
      ...(rule?.severity === "critical" && notice.kind === "alert" ? { Importance: "high" } : {}),
    },
  };
}

/** The text part: the notice's text to the letter, then the addresses that act. */
export function textOf({ actions, text }: Pick<Notice, "text" | "actions">): string {
  if (actions.length === 0) return text;
  return `${text.replace(/\n*$/, "\n\n")}${actions.map(({ title, url }) => `${title}: ${url}`).join("\n")}\n`;
}
