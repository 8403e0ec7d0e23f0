/**
 * Word that Hound sends, as it arrives: mail at a real server (aiosmtpd, of Debian's python3-aiosmtpd) read by another
 * hand's parser, over every kind of connection; links in it, pressed; and a node that is killed while it sends.
 */
import { afterAll, afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { systemClock } from "../../src/kit/clock.ts";
import { createMailer } from "../../src/kit/mail/mailer.ts";
import type { MailRelay } from "../../src/kit/mail/relay.ts";
import { runProgram, startChild, until } from "../../src/kit/testing/child-node.ts";
import { freePort } from "../../src/kit/testing/free-port.ts";
import {
  isMailMissing,
  type Mail,
  mailCertificates,
  readMail,
  type Recorder,
  startRecorder,
} from "../mail-recorder.ts";

setDefaultTimeout(180_000);

const folder = mkdtempSync(join(tmpdir(), "warren-mail-"));
const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0)) await end();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A recorder that ends with the test. */
async function recorderOf(options: Record<string, unknown> = {}): Promise<Recorder> {
  const recorder = await startRecorder(options);
  endings.push(() => recorder[Symbol.asyncDispose]());
  return recorder;
}

describe.skipIf(isMailMissing)("mail at a real server", () => {
  const message = {
    from: "Hound <hound@example.org>",
    to: ["Ops <ops@example.org>", "käthe@bücher.example"],
    subject: `Füllstand über der Grenze ${"und noch weiter ".repeat(20)}`.trim(),
    text: `Ein Tab:\tund ${"eine lange Zeile ".repeat(200)}\n.\n..\nFrom here\nEnde  \n`,
    html: "<p>Größe</p>",
    id: "abc",
    createdAt: Date.UTC(2030, 0, 1),
  };

  for (const security of ["none", "starttls", "tls"] as const) {
    for (const password of [undefined, "geheim € 'x'"]) {
      test(`mail: ${security}, ${password === undefined ? "without" : "with"} a login`, async () => {
        const login = password === undefined ? {} : { user: "hound", password };
        const { mails, port } = await recorderOf({ security, ...login });
        const relay: MailRelay = {
          host: "127.0.0.1",
          port,
          security,
          timeoutMs: 10_000,
          ca: await Bun.file(join(mailCertificates, "first.pem")).text(),
          ...(password === undefined ? {} : { login: { user: "hound", password } }),
        };
        const receipt = await createMailer(relay, { clock: systemClock }).send(message);
        expect(receipt.accepted).toHaveLength(2);
        await until("it was written down", () => mails.length === 1);
        const [mail] = mails as [Mail];
        expect([mail.tls, mail.user]).toEqual([security !== "none", password === undefined ? null : "hound"]);
        expect(mail.recipients).toHaveLength(2);
        const { headers, parts } = await readMail(mail);
        expect(headers["Subject"]).toBe(message.subject);
        expect(headers["Message-ID"]).toBe("<abc@example.org>");
        expect(parts.find(({ type }) => type === "text/plain")?.text).toBe(message.text);
        // No line on the wire is longer than servers must take.
        const lines = Buffer.from(mail.data, "base64").toString("latin1").split("\r\n");
        expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(999);
      });
    }
  }

  test("mail: a certificate that nobody vouches for is refused, unless that is allowed", async () => {
    const { mails, port } = await recorderOf({ security: "tls" });
    const relay: MailRelay = { host: "127.0.0.1", port, security: "tls", timeoutMs: 5000 };
    const sent = createMailer(relay, { clock: systemClock }).send(message);
    await expect(sent).rejects.toThrow(/No private connection.*self signed/);
    await createMailer({ ...relay, verifyTls: false }, { clock: systemClock }).send(message);
    await until("it was written down", () => mails.length === 1);
  });

  test("mail: a wrong password, an unknown mailbox and a full server are told apart", async () => {
    const { port } = await recorderOf({ security: "starttls", user: "hound", password: "right" });
    const relay: MailRelay = { host: "127.0.0.1", port, security: "starttls", verifyTls: false, timeoutMs: 5000 };
    const codeOf = (password: string, to: string) =>
      createMailer({ ...relay, login: { user: "hound", password } }, { clock: systemClock })
        .send({ ...message, to: [to] })
        .then(
          () => "sent",
          (thrown: unknown) => (typeof thrown === "object" && thrown !== null ? Reflect.get(thrown, "code") : thrown),
        );
    expect(await codeOf("wrong", "a@b.example")).toBe("mail/login");
    expect(await codeOf("right", "refused@b.example")).toBe("mail/refused");
    expect(await codeOf("right", "later@b.example")).toBe("mail/deferred");
    expect(await codeOf("right", "later@b.example")).toBe("sent");
  });
});

/** A Graphite that has the same value everywhere. */
function startGraphite(): { url: string; value: number } {
  const state = { url: "", value: 12 };
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request) {
      const form = new URLSearchParams(await request.text());
      const untilSeconds = Number(form.get("until"));
      const fromSeconds = Math.max(Number(form.get("from")), untilSeconds - 86_400);
      const step = Math.max(10, Math.ceil((untilSeconds - fromSeconds) / 300));
      return Response.json(
        form.getAll("target").map((target) => {
          const mark = /warren-mark-\d+/.exec(target)?.[0];
          const datapoints: [number, number][] = [];
          for (let at = fromSeconds; at <= untilSeconds; at += step) datapoints.push([state.value, at]);
          datapoints.push([state.value, untilSeconds]);
          return { target: mark ?? target, datapoints };
        }),
      );
    },
  });
  endings.push(() => server.stop(true));
  state.url = `http://127.0.0.1:${server.port}/render/`;
  return state;
}

function configOf(graphite: string, port: number, names: readonly string[], to: readonly string[]): string {
  const rules = names.map((name) => `[[hound.rules]]\nname = "${name}"\ntarget = "servers.${name}.load"\nabove = 10\n`);
  return `[hound]
url = "${graphite}"
check_interval = "1s"
group_from = 0
mail_from = "hound@example.org"
mail_to = ${JSON.stringify(to)}
smtp_server = "127.0.0.1"
smtp_port = ${port}
smtp_security = "none"
${rules.join("\n")}`;
}

describe.skipIf(isMailMissing)("hound", () => {
  test("hound: an alert arrives with its pictures; its links ask first, act once, and cannot be changed", async () => {
    const graphite = startGraphite();
    const { mails, port } = await recorderOf({ security: "starttls", user: "hound", password: "geheim" });
    const config = configOf(graphite.url, port, ["web"], ["ops@example.org"]).replace(
      'smtp_security = "none"',
      `smtp_security = "starttls"\nsmtp_user = "hound"\nsmtp_password = "geheim"\nsmtp_ca = "${join(mailCertificates, "first.pem")}"`,
    );
    await using node = await startChild({ words: ["hound"], config });
    await until("the alert arrived", () => mails.length === 1);
    const { headers, parts } = await readMail(mails[0] as Mail);
    expect([mails[0]?.tls, mails[0]?.user]).toEqual([true, "hound"]);
    expect(headers["Subject"]).toBe("[ALERT] web");
    expect(headers["Auto-Submitted"]).toBe("auto-generated");
    const text = parts.find(({ type }) => type === "text/plain")?.text ?? "";
    expect(text).toStartWith(
      "web [servers.web.load] has triggered an alert\nStatus:\tFailed\nMessage:\t12.000000 >= 10.000000\n\nDaily Graph: ",
    );
    const html = parts.find(({ type }) => type === "text/html")?.text ?? "";
    const pictures = parts.filter(({ type }) => type === "image/png");
    expect(pictures.map(({ disposition, head }) => [disposition, head])).toEqual([
      ["inline", "89504e470d0a1a0a"],
      ["inline", "89504e470d0a1a0a"],
    ]);
    for (const { id } of pictures) expect(html).toContain(`src="cid:${(id ?? "").slice(1, -1)}"`);

    const standing = async () =>
      ((await (await fetch(`${node.url}/api/standings`)).json()) as { standings: Record<string, unknown>[] })
        .standings[0];
    const link = /^Acknowledge: (\S+)$/m.exec(text)?.[1] ?? "";
    expect(html).toContain(Bun.escapeHTML(link));
    const asked = await fetch(link);
    expect([asked.status, await asked.text()]).toEqual([
      200,
      expect.stringContaining('<button type="submit">Acknowledge'),
    ]);
    await fetch(link, { method: "HEAD" });
    expect((await standing())?.["acknowledged"] ?? null).toBeNull();
    const changed = `${link.slice(0, -1)}${link.endsWith("A") ? "B" : "A"}`;
    expect((await fetch(changed, { method: "POST" })).status).toBe(404);
    expect((await standing())?.["acknowledged"] ?? null).toBeNull();
    const done = await fetch(link, { method: "POST" });
    expect(await done.text()).toContain("Not told again until it is OK");
    expect((await standing())?.["acknowledged"]).toMatchObject({ by: "a link in a mail" });
    expect(await (await fetch(link, { method: "POST" })).text()).toContain("done already");

    const silence = /^Silence for an hour: (\S+)$/m.exec(text)?.[1] ?? "";
    expect((await fetch(silence, { method: "POST" })).status).toBe(200);
    expect(await (await fetch(`${node.url}/api/silences`)).json()).toHaveLength(1);

    graphite.value = 5;
    await until("the recovery arrived", () => mails.length === 2);
    const recovery = await readMail(mails[1] as Mail);
    expect(recovery.headers["Subject"]).toBe("[RECOVERED] web");
    expect(recovery.parts[0]?.text).toStartWith("web [servers.web.load] has returned below 10.000000\n");
    const page = await (await fetch(`${node.url}/deliveries/`)).text();
    expect(page).toContain("[RECOVERED] web");
    expect(await node.end()).toBe(0);
    expect(node.output()).not.toContain("geheim");
  });

  test("hound: pages of rules show graphs, take forms without script, and end silences", async () => {
    const graphite = startGraphite();
    const { port } = await recorderOf();
    await using node = await startChild({
      words: ["hound"],
      config: configOf(graphite.url, port, ["web"], ["refused@example.org"]),
    });
    const post = (path: string, fields: Record<string, string> = {}) =>
      fetch(`${node.url}${path}`, { method: "POST", body: new URLSearchParams(fields), redirect: "manual" });
    const text = async (path: string) => (await fetch(`${node.url}${path}`)).text();
    const page = await until("the rule failed", async () => {
      const found = await text("/");
      return found.includes("12 &gt; 10") && found.includes("did not reach") ? found : undefined;
    });
    const id = /id="alert-([0-9a-f]{10})"/.exec(page)?.[1] ?? "";
    for (const picture of [`/alert/${id}/day.svg`, `/alert/${id}/week.svg`, "/own/day.svg"]) {
      const answer = await fetch(`${node.url}${picture}`);
      expect([picture, answer.status, answer.headers.get("content-type")]).toEqual([picture, 200, "image/svg+xml"]);
      expect(await answer.text()).toStartWith("<svg");
    }
    expect((await fetch(`${node.url}/alert/0000000000/`)).status).toBe(404);
    expect((await fetch(`${node.url}/alert/${id}`, { redirect: "manual" })).headers.get("location")).toBe(
      `/alert/${id}/`,
    );
    expect((await post(`/alert/${id}/acknowledge`)).status).toBe(303);
    expect(await text(`/alert/${id}/`)).toContain("acknowledged");
    expect((await post(`/alert/${id}/silence`, { for: "3600000", comment: "<b>work</b>" })).status).toBe(303);
    expect(await text("/silences/")).toContain("&lt;b&gt;work&lt;/b&gt;");
    expect((await post(`/alert/${id}/silence`, { for: "-1" })).status).toBe(400);
    expect((await post("/silences/", { matcher: "=", for: "3600000" })).status).toBe(400);
    const silence = /\/silences\/([0-9a-f]+)\/end/.exec(await text("/silences/"))?.[1] ?? "";
    expect((await post(`/silences/${silence}/end`)).status).toBe(303);
    expect((await post(`/silences/${silence}/end`)).status).toBe(404);
    const failed = await text("/deliveries/?state=failed");
    expect(failed).toContain("550 5.1.1 No such mailbox");
    const delivery = /\/deliveries\/(\d+)\/retry/.exec(failed)?.[1] ?? "";
    expect((await post(`/deliveries/${delivery}/retry`)).status).toBe(303);
    expect((await post("/deliveries/99999/retry")).status).toBe(404);
    expect(await node.end()).toBe(0);
  });

  test("hound: where tokens are wanted, a link in a mail is right enough for what it says, and for no more", async () => {
    const graphite = startGraphite();
    const { mails, port } = await recorderOf();
    const config = configOf(graphite.url, port, ["web"], ["ops@example.org"]);
    await using node = await startChild({ words: ["hound"], config });
    const made = await runProgram(["token", "create", "reader", "--scope", "hound:read", "--data", node.data]);
    const token = /\S{20,}/.exec(made.stdout)?.[0] ?? "";
    await until("the token is known", async () => (await fetch(`${node.url}/api/standings`)).status === 401);
    await until("the alert arrived", () => mails.length === 1);
    const { parts } = await readMail(mails[0] as Mail);
    const link = /^Acknowledge: (\S+)$/m.exec(parts[0]?.text ?? "")?.[1] ?? "";
    const asked = await fetch(link);
    const page = await asked.text();
    expect([asked.status, page.includes('<button type="submit">Acknowledge</button>')]).toEqual([200, true]);
    // As a browser posts the form of that page.
    const headers = { Origin: node.url, "Sec-Fetch-Site": "same-origin" };
    const done = await fetch(link, { method: "POST", headers });
    expect([done.status, (await done.text()).includes("Acknowledged")]).toEqual([200, true]);
    const reading = { Authorization: `Bearer ${token}` };
    const list = await fetch(`${node.url}/api/standings`, { headers: reading });
    expect(await list.text()).toContain("a link in a mail");
    for (const path of ["/silences/", "/deliveries/retry", "/alert/x/acknowledge"]) {
      expect((await fetch(`${node.url}${path}`, { method: "POST" })).status).toBe(401);
      expect((await fetch(`${node.url}${path}`, { method: "POST", headers: reading })).status).toBe(403);
    }
    expect((await fetch(`${node.url}/deliveries/`)).status).toBe(401);
  });

  test("hound: killed while it sends, it sends what was taken after the restart, each once and in order", async () => {
    const graphite = startGraphite();
    let begun = 0;
    const sockets = new Set<Socket>();
    // Takes connections and gets as far as the message, but never says that it has it.
    const hanging = createServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => socket.destroy());
      socket.write("220 slow.example\r\n");
      socket.on("data", (bytes) => {
        const line = bytes.toString();
        if (/^DATA/i.test(line)) {
          begun++;
          socket.write("354 go on\r\n");
        } else if (/^(?:EHLO|MAIL|RCPT)/i.test(line)) socket.write("250 ok\r\n");
      });
    });
    // Another server has to have the same port later.
    const port = freePort();
    await new Promise<void>((resolve) => hanging.listen(port, "127.0.0.1", resolve));
    const close = async () => {
      for (const socket of sockets) socket.destroy();
      if (hanging.listening) await new Promise((resolve) => hanging.close(resolve));
    };
    endings.push(close);
    const names = ["one", "two", "three"];
    const to = ["ops@example.org", "boss@example.org"];
    const kept = join(folder, "killed");
    await Bun.write(join(kept, "warren.toml"), configOf(graphite.url, port, names, to));
    const first = await startChild({ words: ["hound"], folder: kept });
    await until("both mails are on the way", () => begun >= 2);
    expect(await first.end("SIGKILL")).not.toBe(0);
    await close();
    const { mails } = await recorderOf({ port });
    await using second = await startChild({ words: ["hound"], folder: kept });
    await until("all arrived", () => mails.length >= names.length * to.length);
    const seen = new Map<string, string[]>();
    const ids: string[] = [];
    for (const mail of mails) {
      const { headers } = await readMail(mail);
      const own = seen.get(mail.recipients[0] ?? "") ?? [];
      own.push(headers["Subject"] ?? "");
      seen.set(mail.recipients[0] ?? "", own);
      ids.push(headers["Message-ID"] ?? "");
    }
    const wanted = names.map((name) => `[ALERT] ${name}`);
    expect(Object.fromEntries(seen)).toEqual({ "ops@example.org": wanted, "boss@example.org": wanted });
    expect(new Set(ids).size).toBe(ids.length);
    expect(await second.end()).toBe(0);
  });
});
