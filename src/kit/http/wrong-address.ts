/**
 * What is said of an address at which something else answers than the service that was looked for: another program, or
 * another part of the node. Its answer is not shown: a page of HTML tells nobody what to do.
 */
import { z } from "zod";

const problemShape = z.object({ detail: z.string(), code: z.string() });

/**
 * What a refusal of `service` says in the node's form; undefined where its body is of another form, or where another service
 * says so that it knows no such place.
 */
export function ownProblem(service: string, status: number, body: unknown): z.infer<typeof problemShape> | undefined {
  const problem = problemShape.safeParse(body).data;
  return status === 404 && !problem?.code.startsWith(`${service}/`) ? undefined : problem;
}

/** The sentence; `service` is where its routes begin on a node, `title` its name in sentences. */
export function wrongAddress(service: string, title: string, baseUrl: string, status: number): string {
  const wanted = `wanted where its routes begin, such as http://127.0.0.1:4100/${service}`;
  return `Cannot use ${baseUrl}: it answered ${status}, as ${title} would not; ${wanted}`;
}

/** Whether a node, or another service of it, refuses with `code` since it has no such page, or takes nothing there. */
export function isPageElsewhere(service: string, code: string): boolean {
  return /\/(?:no-page|no-such-path)$|^console\//.test(code) && !code.startsWith(`${service}/`);
}

/** Whether an answer is a page for browsers, which no service gives to programs. */
export function isPage(response: Response): boolean {
  return /^text\/html\b/i.test(response.headers.get("content-type") ?? "");
}
