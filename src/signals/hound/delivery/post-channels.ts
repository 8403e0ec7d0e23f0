/**
 * The channels that post: a webhook in our own form or in Alertmanager's, what takes Slack's incoming webhooks (Slack,
 * Mattermost, Rocket.Chat, Discord), a Matrix room, an ntfy topic. Each turns a notice into what the place wants, within
 * the place's own limits. Sources: the Slack, Matrix client-server and ntfy publishing documentation.
 */
import type { Notice } from "../notice.ts";
import { alertmanagerForm } from "./alertmanager-form.ts";
import { type Channel, type Sending, toneOf } from "./channel.ts";
import type { ChannelPlan } from "./channel-plan.ts";
import { type Post, post, type PostParts } from "./post.ts";

/** What posting channels stand on. */
export interface PostChannelParts extends PostParts {
  /** Where hound's pages are, without a trailing slash. */
  externalUrl: string;
}

type Draft = Pick<Post, "url" | "method" | "headers" | "body">;

/** The channel that a plan describes. */
export function postChannel(plan: ChannelPlan, parts: PostChannelParts): Channel {
  const draft = drafts[plan.kind];
  return {
    name: plan.name,
    kind: plan.kind,
    send(sending, signal) {
      const { verifyTls } = plan;
      const secrets = [plan.token, plan.secret];
      return post({ ...draft(sending, plan, parts), verifyTls, secrets }, parts, signal);
    },
  };
}

const drafts: Record<ChannelPlan["kind"], (sending: Sending, plan: ChannelPlan, parts: PostChannelParts) => Draft> = {
  webhook: (sending, plan, parts) => signed(sending, plan, parts, ownForm(sending.notice, parts.externalUrl)),
  alertmanager: (sending, plan, parts) =>
    signed(sending, plan, parts, alertmanagerForm(sending.notice, plan.name, parts.externalUrl)),
  slack: ({ notice }, { url }) => ({ url, body: JSON.stringify(slackForm(notice)) }),
  matrix: matrixDraft,
  ntfy: ntfyDraft,
};

/** Our own form. Its names stay; new ones may come beside them. */
function ownForm(notice: Notice, externalUrl: string) {
  const tone = toneOf(notice);
  return {
    version: 1,
    id: notice.id,
    kind: notice.kind,
    status: tone === "good" ? "resolved" : tone === "bad" ? "firing" : "note",
    created_at: new Date(notice.createdAt).toISOString(),
    subject: notice.subject,
    text: notice.text,
    value: notice.value ?? null,
    rules: notice.rules.map(({ criticalThreshold, runbookUrl, severityBefore, ...rule }) => ({
      ...rule,
      ...(criticalThreshold === undefined ? {} : { critical_threshold: criticalThreshold }),
      ...(severityBefore === undefined ? {} : { severity_before: severityBefore }),
      runbook_url: runbookUrl ?? null,
      url: `${externalUrl}/alert/${rule.id}/`,
    })),
    actions: notice.actions,
  };
}

/** With the channel's signature, if it has a secret: HMAC-SHA256 over the time (epoch seconds), a dot and the body. */
function signed(
  { key }: Sending,
  { secret, token, url }: ChannelPlan,
  { clock }: PostChannelParts,
  form: object,
): Draft {
  const body = JSON.stringify(form);
  const headers: Record<string, string> = { "Idempotency-Key": key };
  if (token !== undefined) headers["Authorization"] = `Bearer ${token}`;
  if (secret !== undefined) {
    const seconds = Math.floor(clock.now() / 1000);
    const signature = new Bun.CryptoHasher("sha256", secret).update(`${seconds}.${body}`).digest("hex");
    headers["Warren-Signature"] = `t=${seconds},v1=${signature}`;
  }
  return { url, headers, body };
}

const colours = { bad: "#a81f2c", good: "#2b6b33", plain: "#5a5e57" } as const;

/** Slack cuts what is longer itself, in the middle of a word. */
const slackTextMax = 3000;

function slackForm(notice: Notice) {
  const escaped = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  const links = notice.actions.map(({ title, url }) => `<${url}|${escaped(title).replaceAll("|", "/")}>`);
  return {
    text: escaped(notice.subject).slice(0, slackTextMax),
    attachments: [
      {
        color: colours[toneOf(notice)],
        fallback: escaped(notice.subject).slice(0, slackTextMax),
        text: [escaped(shortened(notice.text, slackTextMax)), links.join("   ")].filter(Boolean).join("\n"),
        ts: Math.floor(notice.createdAt / 1000),
      },
    ],
  };
}

/** An event in a room may have 64 KiB with everything. */
const matrixTextMax = 16_000;

function matrixDraft({ key, notice }: Sending, { room = "", token = "", url }: ChannelPlan): Draft {
  const text = shortened(notice.text, matrixTextMax);
  const actions = notice.actions.map(({ title, url: to }) => `${title}: ${to}`);
  const html = [
    `<strong>${Bun.escapeHTML(notice.subject)}</strong>`,
    `<pre><code>${Bun.escapeHTML(text)}</code></pre>`,
    notice.actions
      .map(({ title, url: to }) => `<a href="${Bun.escapeHTML(to)}">${Bun.escapeHTML(title)}</a>`)
      .join(" · "),
  ];
  const base = url.replace(/\/+$/, "");
  return {
    // The key makes the server take a second one for the first.
    url: `${base}/_matrix/client/v3/rooms/${encodeURIComponent(room)}/send/m.room.message/${encodeURIComponent(key)}`,
    method: "PUT",
    headers: { Authorization: `Bearer ${token}` },
    body: JSON.stringify({
      msgtype: toneOf(notice) === "bad" ? "m.text" : "m.notice",
      body: [notice.subject, "", text, ...(actions.length > 0 ? ["", ...actions] : [])].join("\n"),
      format: "org.matrix.custom.html",
      formatted_body: html.filter(Boolean).join("\n"),
    }),
  };
}

/** ntfy makes a file of what is longer than 4096 bytes. */
const ntfyTextMax = 1300;

function ntfyDraft({ notice }: Sending, { priority, token, url }: ChannelPlan): Draft {
  const parsed = new URL(url);
  const at = parsed.pathname.lastIndexOf("/");
  const topic = parsed.pathname.slice(at + 1);
  parsed.pathname = parsed.pathname.slice(0, at + 1);
  const tone = toneOf(notice);
  const [first] = notice.actions;
  const headers: Record<string, string> = {};
  if (token !== undefined) headers["Authorization"] = `Bearer ${token}`;
  return {
    url: parsed.href,
    headers,
    body: JSON.stringify({
      topic,
      title: notice.subject.slice(0, 250),
      message: shortened(notice.text, ntfyTextMax),
      priority: tone === "bad" ? priority : Math.min(3, priority),
      tags: [tone === "bad" ? "rotating_light" : tone === "good" ? "white_check_mark" : "information_source"],
      ...(first === undefined ? {} : { click: first.url }),
      // It shows three at most.
      actions: notice.actions.slice(0, 3).map(({ title, url: to }) => ({ action: "view", label: title, url: to })),
    }),
  };
}

/** At most so many UTF-16 units, no character cut in two. */
function shortened(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max - 1).replace(/[\ud800-\udbff]$/, "")}…`;
}
