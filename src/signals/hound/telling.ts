/**
 * What is told after a round, and to whom: pure, from all that is watched to notices and to what is remembered of them.
 * For every rule and series: word at once, again by the schedule of repeat.ts while it fails, and once when it is good
 * again, to those who were told. Many at once become one message, and of those no more than the throttle. Leaves out the
 * sending, and what is told about hound itself (own-trouble.ts).
 */
import { turnOf } from "./grade.ts";
import { attributesOf, type Matcher, matches } from "./matcher.ts";
import type { Memory } from "./memory.ts";
import { isQuiet, mutedBy, type Muting, silencedUntil, type Watched } from "./muted.ts";
import type { Notice, NoticeKind } from "./notice.ts";
import { dueAt } from "./repeat.ts";
import { shortHash } from "./rule-file.ts";
import {
  alertWords,
  digestWords,
  groupWords,
  noticeRule,
  recoveriesWords,
  recoveryWords,
  throttledWords,
  type Words,
} from "./words.ts";

/** To whom rules without recipients of their own are told. */
export interface Route {
  matcher: Matcher;
  recipients: readonly string[];
  /** The routes after it count, too. */
  goesOn: boolean;
}

/** How word goes out. */
export interface TellingOptions extends Muting {
  /** Who is told what concerns all, and what no route covers. */
  everybody: readonly string[];
  routes: readonly Route[];
  /** At most so many alerts, and as many recoveries, in a round; 0: no limit. */
  throttle: number;
  /** So many for the same recipients become one message; 0: never. */
  groupFrom: number;
  /** The render URL for links to graphs; undefined: none. */
  graphBase: string | undefined;
  /** Addresses that act, for one rule or series. */
  actionsOf(standingId: string): Notice["actions"];
}

/** Something that was done with a rule. */
export interface Deed {
  watched: Watched;
  event: "told" | "recovery told";
  to: readonly string[];
}

/** What came of it. */
export interface Told {
  notices: Notice[];
  /** What is remembered from now on, by id; what is not here stays as it was. */
  memories: Map<string, Memory>;
  deeds: Deed[];
  alertsSent: number;
  recoveriesSent: number;
}

/** A notice names so many rules for programs; of more it says only how many there are. */
const rulesMax = 1000;

/** One thing to tell about one rule. */
interface Item {
  watched: Watched;
  recipients: readonly string[];
}

/** What there is to tell at `options.at`. */
export function tell(all: readonly Watched[], options: TellingOptions): Told {
  const { at } = options;
  const told: Told = { notices: [], memories: new Map(), deeds: [], alertsSent: 0, recoveriesSent: 0 };
  const alerts: Item[] = [];
  const recoveries: Item[] = [];
  const missed: Item[] = [];
  const escalated: Item[] = [];
  for (const watched of all) {
    const { memory } = watched;
    if (memory.missed && !isQuiet(watched, options))
      missed.push({ watched, recipients: recipientsOf(watched, options) });
    // What cannot be judged may be either way: nothing is said of it until it can.
    if (memory.trouble) continue;
    const isFlapping = memory.flappingSinceAt !== undefined;
    if (memory.level === "Failed" || isFlapping) {
      const isDue = at >= wordDueAt(watched, at);
      const late = isDue ? [] : lateRecipients(watched, at);
      if (!isDue && late.length === 0) continue;
      const muted = mutedBy(watched, options);
      if (muted === "quiet hours" && memory.toldCount === 0 && memory.heldSinceAt === undefined)
        told.memories.set(watched.id, { ...memory, heldSinceAt: at });
      if (muted !== undefined) continue;
      if (isDue) alerts.push({ watched, recipients: recipientsOf(watched, options) });
      else escalated.push({ watched, recipients: late });
    } else if (memory.level === "OK" && memory.toldCount > 0 && !isQuiet(watched, options)) {
      recoveries.push({ watched, recipients: memory.toldTo });
    }
  }
  const failures = all.filter(({ memory }) => memory.level === "Failed").length;
  told.alertsSent = tellAlerts(alerts, failures, options, told);
  told.recoveriesSent = tellRecoveries(recoveries, options, told);
  for (const item of escalated) {
    const words = alertWords(item.watched, { ...options, isFlapping: false, escalated: true });
    told.notices.push(noticeOf("alert", [item.watched], item.recipients, words, options, "late"));
    const memory = told.memories.get(item.watched.id) ?? item.watched.memory;
    const toldTo = union(memory.toldTo, item.recipients);
    told.memories.set(item.watched.id, { ...memory, toldTo, toldEver: memory.toldEver + 1 });
  }
  for (const group of byRecipients(missed)) {
    const watched = group.map((item) => item.watched);
    const loud = watched.filter((one) => silencedUntil(one, options) === undefined);
    if (loud.length > 0)
      told.notices.push(noticeOf("digest", loud, group[0]?.recipients ?? [], digestWords(loud), options));
    for (const { id, memory: before } of watched) {
      const { missed: _, ...memory } = told.memories.get(id) ?? before;
      told.memories.set(id, { ...memory, toldEver: memory.toldEver + 1 });
    }
  }
  return told;
}

/** When word of a failing is due next, if it goes on; a change of its grade is due at once. */
export function wordDueAt(watched: Watched, at: number): number {
  return turnOf(watched) === undefined ? dueAt(watched.memory, at) : at;
}

/** Whom an alert is for: the rule's own recipients, or those of its routes, or everybody; and who is called in late. */
export function recipientsOf(watched: Watched, options: Pick<TellingOptions, "at" | "everybody" | "routes">): string[] {
  const { memory, rule } = watched;
  const late = isLate(watched, options.at) ? (rule.escalation?.recipients ?? []) : [];
  // Whoever heard that it was more, or less, hears that it no longer is.
  const more = turnOf(watched) === undefined ? late : union(memory.toldTo, late);
  if (rule.recipients.length > 0) return union(rule.recipients, more);
  const attributes = attributesOf(watched);
  const routed: string[] = [];
  for (const { goesOn, matcher, recipients } of options.routes) {
    if (!matches(matcher, attributes)) continue;
    routed.push(...recipients);
    if (!goesOn) break;
  }
  return union(routed.length > 0 ? routed : options.everybody, more);
}

function isLate({ memory, rule }: Watched, at: number): boolean {
  const { acknowledged, level, levelAt } = memory;
  return (
    rule.escalation !== undefined && level === "Failed" && !acknowledged && at - levelAt >= rule.escalation.afterMs
  );
}

/** Who has to be called in now, and was not yet. */
function lateRecipients(watched: Watched, at: number): string[] {
  if (watched.memory.toldCount === 0 || !isLate(watched, at)) return [];
  const { toldTo } = watched.memory;
  return (watched.rule.escalation?.recipients ?? []).filter((recipient) => !toldTo.includes(recipient));
}

function tellAlerts(items: readonly Item[], failures: number, options: TellingOptions, told: Told): number {
  const { at, graphBase, throttle } = options;
  const isUrgent = ({ watched: { rule } }: Item) => (rule.kind === "Alert" ? 0 : 1);
  const urgentFirst = items.toSorted((one, other) => isUrgent(one) - isUrgent(other));
  const sent = tellGroups("alert", urgentFirst, options, told, {
    one: (watched) =>
      alertWords(watched, {
        at,
        graphBase,
        isFlapping: watched.memory.flappingSinceAt !== undefined,
        escalated: false,
      }),
    rest: (watched) => throttledWords(failures, throttle, watched),
  });
  for (const { recipients, watched } of items) {
    const { heldSinceAt: _, toldGrade, ...memory } = watched.memory;
    const grade = memory.grade ?? toldGrade;
    told.memories.set(watched.id, {
      ...memory,
      ...(grade === undefined ? {} : { toldGrade: grade }),
      // What has become worse is told again as from the beginning.
      toldCount: turnOf(watched) === "rise" ? 1 : memory.toldCount + 1,
      toldEver: memory.toldEver + 1,
      lastToldAt: at,
      toldTo: union(memory.toldTo, recipients),
    });
    told.deeds.push({ watched, event: "told", to: recipients });
  }
  return sent;
}

function tellRecoveries(items: readonly Item[], options: TellingOptions, told: Told): number {
  const sent = tellGroups("recovery", items, options, told, {
    one: recoveryWords,
    rest: (watched) => recoveriesWords(items.length, options.throttle, watched),
  });
  for (const { watched } of items) {
    const { acknowledged: _, lastToldAt: __, toldGrade: ___, ...memory } = watched.memory;
    told.memories.set(watched.id, { ...memory, toldCount: 0, toldEver: memory.toldEver + 1, toldTo: [] });
    told.deeds.push({ watched, event: "recovery told", to: watched.memory.toldTo });
  }
  return sent;
}

/** Tells of each group, but of no more than the throttle; of the rest as one, to everybody and all whom it concerns. */
function tellGroups(
  kind: "alert" | "recovery",
  items: readonly Item[],
  options: TellingOptions,
  told: Told,
  words: { one(watched: Watched): Words; rest(watched: readonly Watched[]): Words },
): number {
  const { everybody, throttle } = options;
  const groups = grouped(items, options);
  const sent = throttle > 0 ? groups.slice(0, throttle) : groups;
  for (const group of sent) {
    const watched = group.map((item) => item.watched);
    const [first] = watched;
    if (!first) continue;
    const own = watched.length > 1 ? groupWords(kind, watched) : words.one(first);
    told.notices.push(noticeOf(kind, watched, group[0]?.recipients ?? [], own, options));
  }
  const rest = groups.slice(sent.length).flat();
  if (rest.length > 0) {
    const watched = rest.map((item) => item.watched);
    const concerned = rest.flatMap((item) => item.recipients);
    const restKind = kind === "alert" ? "throttled" : "recoveries";
    told.notices.push(noticeOf(restKind, watched, union(everybody, concerned), words.rest(watched), options));
  }
  return sent.length;
}

/** Each by itself, or all for the same recipients together where they are many; in the order of the first of each. */
function grouped(items: readonly Item[], { groupFrom }: TellingOptions): Item[][] {
  return byRecipients(items).flatMap((group) =>
    groupFrom > 0 && group.length >= Math.max(2, groupFrom) ? [group] : group.map((item) => [item]),
  );
}

function byRecipients(items: readonly Item[]): Item[][] {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const key = JSON.stringify(item.recipients);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return [...groups.values()];
}

function noticeOf(
  kind: NoticeKind,
  watched: readonly Watched[],
  recipients: readonly string[],
  words: Words,
  options: TellingOptions,
  mark = "",
): Notice {
  const { at } = options;
  // The same state told again, as after a crash between two writes, is the same notice.
  const members = watched.map(({ id, memory }) => `${id} ${memory.levelAt} ${memory.toldEver}`);
  const only = watched.length === 1 ? watched[0] : undefined;
  const nowSeconds = Math.floor(at / 1000);
  const { rule } = only ?? {};
  const isDrawn = rule !== undefined && kind === "alert";
  return {
    id: shortHash([kind, mark, ...members].join("\n"), 20),
    kind,
    createdAt: at,
    recipients,
    ...words,
    rules: watched.slice(0, rulesMax).map(noticeRule),
    ...(only?.memory.value === undefined ? {} : { value: only.memory.value }),
    graphs: isDrawn
      ? [
          { title: "The last day", targets: [rule.target], fromSeconds: nowSeconds - 86_400, untilSeconds: nowSeconds },
          {
            title: "The last week",
            targets: [rule.target],
            fromSeconds: nowSeconds - 604_800,
            untilSeconds: nowSeconds,
          },
        ]
      : [],
    actions: only && kind === "alert" ? options.actionsOf(only.id) : [],
  };
}

function union(one: readonly string[], other: readonly string[]): string[] {
  return [...new Set([...one, ...other])];
}
