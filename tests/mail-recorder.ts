/**
 * A real mail server for tests (aiosmtpd, of Debian's python3-aiosmtpd) that writes down what comes, and another hand's
 * parser that reads it. What it refuses is said at the head of its program.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";

import { until } from "../src/kit/testing/child-node.ts";

// Debian's own Python has Debian's modules; another may come first in the path.
const python = "/usr/bin/python3";

/** Whether there is no such server here; told once. */
export const isMailMissing = !existsSync("/usr/lib/python3/dist-packages/aiosmtpd");
if (isMailMissing) console.log("Tests of mail are left out: python3-aiosmtpd is not installed");

/** Where the certificate and key are that it shows. */
export const mailCertificates = join(import.meta.dir, "../src/kit/testdata/tls");

/** A mail as it came. */
export interface Mail {
  sender: string;
  recipients: string[];
  user: string | null;
  tls: boolean;
  data: string;
}

/** A server that writes down what comes. */
export interface Recorder extends AsyncDisposable {
  port: number;
  mails: Mail[];
}

/** Starts one. `options` are those of the recorder, see its head. */
export async function startRecorder(options: Record<string, unknown> = {}): Promise<Recorder> {
  const wanted = {
    security: "none",
    certificate: join(mailCertificates, "first.pem"),
    key: join(mailCertificates, "first.key"),
    ...options,
  };
  const child = Bun.spawn([python, join(import.meta.dir, "smtp-recorder.py"), JSON.stringify(wanted)], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "ignore",
  });
  const recorder: Recorder = {
    port: 0,
    mails: [],
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
  const collect = async () => {
    let rest = "";
    const decoder = new TextDecoder();
    for await (const chunk of child.stdout) {
      const lines = `${rest}${decoder.decode(chunk, { stream: true })}`.split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const said = JSON.parse(line) as Mail & { port?: number };
        if (said.port === undefined) recorder.mails.push(said);
        else recorder.port = said.port;
      }
    }
  };
  void collect();
  await until("the mail server listens", () => recorder.port > 0);
  return recorder;
}

/** What a mail says, as Python's parser reads it. */
export interface ReadMail {
  headers: Record<string, string>;
  parts: {
    type: string;
    id: string | null;
    disposition: string | null;
    text?: string;
    sizeBytes: number;
    head: string;
  }[];
}

const reader = `
import base64, email, email.policy, json, sys
message = email.message_from_bytes(base64.b64decode(sys.stdin.read()), policy=email.policy.default)
parts = []
for part in message.walk():
    if part.is_multipart():
        continue
    content = part.get_payload(decode=True)
    parts.append({
        "type": part.get_content_type(), "id": part["Content-ID"], "disposition": part.get_content_disposition(),
        "sizeBytes": len(content), "head": content[:8].hex(),
        **({"text": content.decode().replace("\\r\\n", "\\n")} if part.get_content_maintype() == "text" else {}),
    })
print(json.dumps({"headers": {name: str(value) for name, value in message.items()}, "parts": parts}))
`;

/** A mail as Python's parser reads it. */
export async function readMail(mail: Mail): Promise<ReadMail> {
  const child = Bun.spawn([python, "-c", reader], { stdin: new TextEncoder().encode(mail.data), stdout: "pipe" });
  return JSON.parse(await new Response(child.stdout).text()) as ReadMail;
}
