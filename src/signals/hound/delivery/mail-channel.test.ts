import { expect, test } from "bun:test";

import { Fault } from "../../../kit/fault.ts";
import { silentLog } from "../../../kit/log.ts";
import type { MailMessage, MailReceipt } from "../../../kit/mail/mailer.ts";
import { ManualClock } from "../../../kit/testing/manual-clock.ts";
import type { Notice } from "../notice.ts";
import { sampleNotice } from "./fixture.ts";
import { type DrawGraph, mailChannel, textOf } from "./mail-channel.ts";

const graphs: Notice["graphs"] = [
  { title: "The last day", targets: ["a"], fromSeconds: 0, untilSeconds: 86_400 },
  { title: "The last week", targets: ["a"], fromSeconds: 0, untilSeconds: 604_800 },
];

function stage(draw: DrawGraph | undefined, receipt: Partial<MailReceipt> = {}) {
  const clock = new ManualClock();
  const sent: MailMessage[] = [];
  const mailer = {
    send(message: MailMessage) {
      sent.push(message);
      return Promise.resolve({ accepted: ["ops@example.org"], rejected: [], response: "250 ok", ...receipt });
    },
  };
  const channel = mailChannel({ mailer, from: "hound@example.org", clock, log: silentLog, draw });
  const send = (notice: Notice, recipient = "ops@example.org") =>
    channel.send({ key: "k", notice, recipient }, new AbortController().signal);
  return { clock, send, sent };
}

test("mail: the text is the notice's to the letter, with the links below it", async () => {
  const { send, sent } = stage(undefined);
  const notice = sampleNotice();
  expect(await send(notice)).toBe("250 ok");
  expect(sent[0]?.text).toBe(`${notice.text}\nAcknowledge: https://warren.example/hound/act/a.b\n`);
  expect(textOf({ text: "as it was\n", actions: [] })).toBe("as it was\n");
  expect(sent[0]).toMatchObject({ to: ["ops@example.org"], id: "k", pictures: [], subject: "[ALERT] Load" });
});

test("mail: pictures are drawn once for all recipients of a notice, with the rule's threshold", async () => {
  let drawn = 0;
  const { send, sent } = stage((graph, rule) => {
    drawn++;
    expect(rule?.threshold).toBe(10);
    return Promise.resolve(new TextEncoder().encode(graph.title));
  });
  const notice = sampleNotice({ graphs });
  await send(notice);
  await send(notice, "boss@example.org");
  expect(drawn).toBe(2);
  expect(sent[1]?.pictures?.map(({ title }) => title)).toEqual(["The last day", "The last week"]);
  for (const { id } of sent[1]?.pictures ?? []) expect(sent[1]?.html).toContain(`src="cid:${id}"`);
});

test("mail: goes without a picture that cannot be drawn, and without one that takes too long", async () => {
  const { clock, send, sent } = stage((graph) =>
    graph.title === "The last day"
      ? Promise.reject(new Fault("unavailable", "test/away", "away"))
      : new Promise(() => undefined),
  );
  expect(await clock.until(send(sampleNotice({ graphs })))).toBe("250 ok");
  expect(sent[0]?.pictures).toEqual([]);
  expect(sent[0]?.html).not.toContain("<img");
});

test("mail: what a notice says is never markup, and leads nowhere but to the web", async () => {
  const { send, sent } = stage(undefined);
  await send(
    sampleNotice({
      subject: "<script>1</script>",
      text: 'a <b onclick="x"> https://ok.example/?a=1&b=2 javascript:alert(1)',
      actions: [{ title: "<i>", url: "javascript:alert(1)" }],
    }),
  );
  const html = sent[0]?.html ?? "";
  expect(html).not.toMatch(/<script|<b |<i>|href="javascript/);
  expect(html).toContain('<a href="https://ok.example/?a=1&amp;b=2">');
});

test("mail: a refusal of its one recipient is a failure, final or not as the server says", async () => {
  for (const [isFinal, kind] of [
    [true, "invalid"],
    [false, "unavailable"],
  ] as const) {
    const { send } = stage(undefined, { rejected: [{ address: "ops@example.org", reason: "no", isFinal }] });
    await expect(send(sampleNotice())).rejects.toMatchObject({ kind, message: "no" });
  }
});

test("mail: an address is a link to its end, quotes and all", async () => {
  const { send, sent } = stage(undefined);
  await send(
    sampleNotice({ text: `Graph: https://g.example/render/?target=f(a,'5min')&width=1 "https://q.example/"` }),
  );
  expect(sent[0]?.html).toContain('<a href="https://g.example/render/?target=f(a,&#39;5min&#39;)&amp;width=1">');
  expect(sent[0]?.html).toContain('<a href="https://q.example/">');
});
