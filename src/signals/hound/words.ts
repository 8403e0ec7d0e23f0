/**
 * Subjects and texts of notices, in the predecessor's words where it had any, so that filters people have made go on to
 * work. Whoever sends adds links that act, and pictures.
 */
import { formatSpan } from "../../kit/pages/quantity.ts";
import { severityOf, turnOf } from "./grade.ts";
import type { Notice, NoticeRule } from "./notice.ts";
import type { Rule } from "./rule.ts";
import type { Silence } from "./standing.ts";
import type { Watched } from "./muted.ts";

/** A subject and a text. */
export type Words = Pick<Notice, "subject" | "text">;

/** What a change leads to. */
export type ChangeTo = "Failed" | "OK" | "another level";

const namesMax = 100;

/** The addresses of a rule's graphs on a Graphite, as in the predecessor's mails; `base` is the whole render URL. */
export function graphUrls(
  base: string,
  { criticalThreshold, target, threshold }: Rule,
): { daily: string; weekly: string } {
  // Quotes would end the address where mail programs make links of addresses.
  const escaped = encodeURIComponent(target.toWellFormed()).replaceAll("%2C", ",").replaceAll("'", "%27");
  const bounds = criticalThreshold === undefined ? [threshold] : [threshold, criticalThreshold];
  const lines = bounds.map((bound) => `&target=threshold(${bound.toFixed(6)})`).join("");
  const shared = `${base}?target=${escaped}${lines}`;
  return {
    daily: `${shared}&width=1600&height=300&fontSize=20&bgcolor=FFFFFF&fgcolor=000000&hideGrid=true&colorList=%23999999,%23006699&from=-24hours`,
    weekly: `${shared}&width=1600&height=150&fontSize=20&hideGrid=true&hideLegend=true&graphOnly=true&hideAxes=true&bgcolor=EEEEEE&fgcolor=000000&hideGrid=true&colorList=%23cccccc,%236699cc&from=-7days`,
  };
}

/** What became of a rule, in a word or two. */
export function changeWords({ to, watched }: { to: ChangeTo; watched: Watched }): string {
  if (to === "OK") return "is good again";
  return watched.memory.grade === undefined ? "fails" : `fails: ${watched.memory.grade}`;
}

/** What became of many. */
export function manyChangesWords(changes: readonly { to: ChangeTo }[]): string {
  const good = changes.filter(({ to }) => to === "OK").length;
  const turned = changes.filter(({ to }) => to === "another level").length;
  const others = turned === 0 ? "" : `, ${turned} are at another level`;
  return `${changes.length - good - turned} rules fail, ${good} are good again${others}`;
}

/** A rule as notices carry it. */
export function noticeRule(watched: Watched): NoticeRule {
  const { memory, rule, series } = watched;
  const { criticalThreshold, direction, id, kind, labels, name, runbookUrl, target, threshold } = rule;
  const { grade, toldCount, toldGrade } = memory;
  // Also of one that flaps, for receivers that tell alerts apart by their severity.
  const isOther = criticalThreshold !== undefined && toldCount > 0 && grade !== undefined && grade !== toldGrade;
  const before = isOther ? toldGrade : undefined;
  return {
    id,
    name,
    target,
    kind,
    severity: severityOf(watched),
    ...(before === undefined ? {} : { severityBefore: before }),
    labels,
    direction,
    threshold,
    ...(criticalThreshold === undefined ? {} : { criticalThreshold }),
    ...(runbookUrl === undefined ? {} : { runbookUrl }),
    ...(series === undefined ? {} : { series }),
  };
}

/** `Name`, or `Name: series`. */
export function titleOf({ rule, series }: Pick<Watched, "rule" | "series">): string {
  return series === undefined ? rule.name : `${rule.name}: ${series}`;
}

/** At which of two levels it fails, and at which it was told to; empty for a rule with one threshold. */
function gradeWords(watched: Watched): string {
  const { grade, level, toldGrade = "" } = watched.memory;
  if (watched.rule.criticalThreshold === undefined || level !== "Failed" || grade === undefined) return "";
  return turnOf(watched) === undefined ? grade : `${grade}, was ${toldGrade}`;
}

/** A rule fails. `escalated`: it is told to those who hear of it only because it stands for long. */
export function alertWords(
  watched: Watched,
  options: { at: number; graphBase: string | undefined; isFlapping: boolean; escalated: boolean },
): Words {
  const { memory, rule } = watched;
  const { at, escalated, graphBase, isFlapping } = options;
  const title = titleOf(watched);
  const grade = gradeWords(watched);
  const turn = turnOf(watched);
  const lines = [
    `${title} [${rule.target}] has triggered an alert`,
    `Status:\t${memory.level}${grade === "" ? "" : ` (${grade})`}`,
    `Message:\t${memory.message}`,
  ];
  if (isFlapping) {
    lines.push("", "It fails and recovers in turns. Until it is calm only this is told, at growing intervals.");
  } else if (turn !== undefined) {
    const how = turn === "rise" ? "It has become worse" : "It has become better, but is not good";
    lines.push("", `${how}; it fails for ${formatSpan(at - memory.levelAt)}.`);
  } else if (memory.toldCount > 0) {
    lines.push("", `It fails for ${formatSpan(at - memory.levelAt)}; this is word number ${memory.toldCount + 1}.`);
  }
  if (escalated) lines.push("", "Nobody has acknowledged it so far.");
  if (graphBase !== undefined) {
    const { daily, weekly } = graphUrls(graphBase, rule);
    lines.push("", `Daily Graph: ${daily}`, `Weekly Graph: ${weekly}`);
  }
  if (rule.runbookUrl !== undefined) lines.push("", "Runbook link:", rule.runbookUrl);
  const tag = rule.kind === "Alert" ? "[ALERT]" : "[NOTICE]";
  const marks = [grade, isFlapping ? "flapping" : ""].filter((mark) => mark !== "");
  return { subject: `${tag} ${title}${marks.length === 0 ? "" : ` (${marks.join(", ")})`}`, text: textOf(lines) };
}

/** A rule is good again. */
export function recoveryWords(watched: Watched): Words {
  const { rule } = watched;
  const where = rule.direction === "above" ? "below" : "above";
  return {
    subject: `[RECOVERED] ${titleOf(watched)}`,
    text: textOf([`${titleOf(watched)} [${rule.target}] has returned ${where} ${rule.threshold.toFixed(6)}`]),
  };
}

/** Several rules fail at once, or are good again. */
export function groupWords(kind: "alert" | "recovery", group: readonly Watched[]): Words {
  const isAlert = group.some(({ rule }) => rule.kind === "Alert");
  const tag = kind === "recovery" ? "[RECOVERED]" : isAlert ? "[ALERT]" : "[NOTICE]";
  const what = kind === "recovery" ? "have recovered" : "have triggered an alert";
  const list = listed(group, (one) =>
    kind === "recovery" ? `${titleOf(one)} [${one.rule.target}]` : withMessage(one),
  );
  return {
    subject: `${tag} ${group.length} metrics: ${someOf(group)}`,
    text: textOf([`${group.length} metrics ${what}:`, "", ...list]),
  };
}

/** More rules failed at once than are told one by one. */
export function throttledWords(failures: number, throttle: number, suppressed: readonly Watched[]): Words {
  return {
    subject: "[ALERT] Hound is throttled",
    text: textOf([
      `${failures} metrics were not OK.`,
      `Hound stopped sending messages after ${throttle}.`,
      "So many at once most often have one cause, in what carries them all.",
      "",
      "Not sent one by one:",
      ...listed(suppressed, withMessage),
    ]),
  };
}

/** More rules recovered at once than are told one by one. */
export function recoveriesWords(recovered: number, throttle: number, suppressed: readonly Watched[]): Words {
  return {
    subject: "[ALERT] Hound is recovered",
    text: textOf([
      `${recovered} metrics recovered.`,
      `Hound stopped sending individual messages after ${throttle}.`,
      "",
      "Not sent one by one:",
      ...listed(suppressed, titleOf),
    ]),
  };
}

/** Rules cannot be judged. */
export function errorsWords(troubled: readonly Watched[]): Words {
  return {
    subject: "[ERROR] Hound encountered errors",
    text: textOf([
      `${troubled.length} metrics had errors.`,
      "They have no values, or what they ask cannot be answered; most often whatever writes them has stopped, or is behind.",
      "",
      ...listed(troubled, (one) => `${titleOf(one)}: ${one.memory.trouble?.message ?? ""}`),
    ]),
  };
}

/** Nothing can be read. */
export function blindWords(source: string, reason: string, forMs: number): Words {
  return {
    subject: "[ERROR] Hound is blind",
    text: textOf([
      `Nothing could be read from ${source} for ${formatSpan(forMs)}: ${reason}`,
      "Until it can, no rule is judged: nothing is told to fail, and nothing to recover.",
    ]),
  };
}

/** Everything can be read again. */
export function seeingWords(source: string, forMs: number): Words {
  return {
    subject: "[RECOVERED] Hound sees again",
    text: textOf([`${source} is read again, after ${formatSpan(forMs)}. Rules are judged again.`]),
  };
}

/** What came and went in quiet hours. */
export function digestWords(missed: readonly Watched[]): Words {
  const list = listed(missed, (one) => {
    const { fromAt = 0, message = "", times = 1, untilAt = 0 } = one.memory.missed ?? {};
    const often = times > 1 ? `, ${times} times` : "";
    return `${titleOf(one)}: from ${instant(fromAt)} to ${instant(untilAt)}${often}: ${message}`;
  });
  return {
    subject: `[NOTICE] In quiet hours: ${someOf(missed)}`,
    text: textOf([`${missed.length} metrics failed in quiet hours and are good again:`, "", ...list]),
  };
}

/** Somebody silenced something, or ended a silence. */
export function silenceWords({ comment, matcher, untilAt }: Silence, by: string, isEnded: boolean): Words {
  const text = isEnded
    ? `${by} has ended the silence of ${matcher}; what fails there is told again.`
    : `Nothing is told of ${matcher} until ${instant(untilAt)}: ${by} has silenced it.`;
  return {
    subject: `[NOTICE] ${isEnded ? "No longer silent" : "Silenced"}: ${matcher.slice(0, 100)}`,
    text: textOf(comment === "" || isEnded ? [text] : [text, "", comment]),
  };
}

function withMessage(watched: Watched): string {
  const grade = gradeWords(watched);
  return `${titleOf(watched)} [${watched.rule.target}]${grade === "" ? "" : ` (${grade})`}: ${watched.memory.message}`;
}

function listed(watched: readonly Watched[], show: (one: Watched) => string): string[] {
  const lines = watched.slice(0, namesMax).map((one) => `- ${show(one).replaceAll(/\s+/g, " ").slice(0, 500)}`);
  return watched.length > namesMax ? [...lines, `and ${watched.length - namesMax} more`] : lines;
}

function someOf(watched: readonly Watched[]): string {
  const names = watched.slice(0, 3).map((one) => titleOf(one).slice(0, 60));
  const more = watched.length - names.length;
  return `${names.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

function instant(at: number): string {
  return `${new Date(at).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

function textOf(lines: readonly string[]): string {
  return `${lines.join("\n")}\n`;
}
