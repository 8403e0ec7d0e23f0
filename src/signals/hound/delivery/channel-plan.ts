/**
 * Channels as they stand in the configuration, read: where word goes beside mail. The operator names these places, so
 * they may lie inside the network. Secrets may stand in files of their own. Leaves out mail, which has settings of its
 * own because the predecessor had.
 */
import { z } from "zod";

import { readSecretFile } from "../../../kit/config/secret-file.ts";
import { Fault } from "../../../kit/fault.ts";
import { problemIn } from "../../../kit/config/written-problem.ts";
import { type PostKind, postKinds } from "./channel.ts";

const line = z
  .string()
  .min(1)
  .max(4000)
  // eslint-disable-next-line no-control-regex
  .regex(/^[^\u0000-\u001f\u007f]*$/, "wanted one line");

const channelShape = z.strictObject({
  name: z.string().regex(/^[\w.-]{1,64}$/, "wanted letters, digits, dots and dashes"),
  kind: z.enum(postKinds),
  /** webhook, alertmanager, slack: where it goes. matrix: the home server. ntfy: the server and the topic. */
  url: line.optional(),
  /** Where the URL itself is secret, as those of Slack are. */
  url_file: line.optional(),
  /** webhook, alertmanager: signs what is sent. */
  secret: line.optional(),
  secret_file: line.optional(),
  /** matrix, ntfy: who sends. webhook, alertmanager: sent as a bearer token. */
  token: line.optional(),
  token_file: line.optional(),
  /** matrix: the room's id, `!…:server`. */
  room: line.optional(),
  /** ntfy: 1 to 5, of what is wrong. */
  priority: z.int().min(1).max(5).default(4),
  verify_tls: z.boolean().default(true),
});

const keys = Object.keys(channelShape.shape);

/** A channel with everything decided. */
export interface ChannelPlan {
  readonly name: string;
  readonly kind: PostKind;
  readonly url: string;
  readonly secret: string | undefined;
  readonly token: string | undefined;
  readonly room: string | undefined;
  readonly priority: number;
  readonly verifyTls: boolean;
}

/** The channels in a list of tables. Throws SyntaxError that says all that is wrong; it never quotes a secret. */
export function channelPlans(tables: readonly unknown[]): ChannelPlan[] {
  const problems: string[] = [];
  const plans = new Map<string, ChannelPlan>();
  for (const [position, table] of tables.entries()) {
    const read = channelShape.safeParse(table);
    if (!read.success) {
      const words = read.error.issues
        .slice(0, 5)
        .map((issue) => problemIn(issue, table, { known: keys, isSecret: true }));
      problems.push(`Cannot use channel ${nameOf(table) ?? position + 1}: ${words.join(", ")}`);
      continue;
    }
    try {
      const plan = planOf(read.data);
      if (plans.has(plan.name)) throw new SyntaxError("its name stands twice");
      plans.set(plan.name, plan);
    } catch (thrown) {
      if (!(thrown instanceof SyntaxError || thrown instanceof Fault)) throw thrown;
      problems.push(`Cannot use channel "${read.data.name}": ${thrown.message}`);
    }
  }
  if (problems.length > 0) throw new SyntaxError(problems.join("; "));
  return [...plans.values()];
}

function nameOf(table: unknown): string | undefined {
  const name: unknown = typeof table === "object" && table !== null ? Reflect.get(table, "name") : undefined;
  return typeof name === "string" ? `"${name.slice(0, 64)}"` : undefined;
}

type ChannelTable = z.infer<typeof channelShape>;

/** What each kind takes beside its URL. */
const takes: Readonly<Record<PostKind, readonly ("secret" | "token" | "room")[]>> = {
  webhook: ["secret", "token"],
  alertmanager: ["secret", "token"],
  slack: [],
  matrix: ["token", "room"],
  ntfy: ["token"],
};

function planOf(table: ChannelTable): ChannelPlan {
  const secrets = {
    url: secretOf("url", table.url, table.url_file),
    secret: secretOf("secret", table.secret, table.secret_file),
    token: secretOf("token", table.token, table.token_file),
  };
  const given = { secret: secrets.secret, token: secrets.token, room: table.room };
  for (const name of ["secret", "token", "room"] as const) {
    const isTaken = takes[table.kind].includes(name);
    if (given[name] !== undefined && !isTaken) throw new SyntaxError(`${table.kind} takes no ${name}`);
    if (given[name] === undefined && table.kind === "matrix" && isTaken)
      throw new SyntaxError(`matrix needs a ${name}`);
  }
  if (table.room !== undefined && !/^![^\s:]+(?::\S+)?$/.test(table.room)) {
    throw new SyntaxError("room must be the room's id, such as !abc:example.org, not its alias");
  }
  const parsed = secrets.url === undefined ? null : URL.parse(secrets.url);
  if (parsed === null || !["http:", "https:"].includes(parsed.protocol)) {
    throw new SyntaxError("its url must be an http or https URL, in url or in the file that url_file names");
  }
  if (table.kind === "ntfy" && !/^\/(?:[^/]+\/)*[\w-]{1,64}$/.test(parsed.pathname)) {
    throw new SyntaxError("its url must end with the topic, such as https://ntfy.example/alerts");
  }
  return {
    name: table.name,
    kind: table.kind,
    url: parsed.href,
    secret: secrets.secret,
    token: secrets.token,
    room: table.room,
    priority: table.priority,
    verifyTls: table.verify_tls,
  };
}

function secretOf(name: string, given: string | undefined, path: string | undefined): string | undefined {
  if (given !== undefined && path !== undefined) throw new SyntaxError(`${name} and ${name}_file exclude each other`);
  return path === undefined ? given : readSecretFile(path).text.trim();
}
