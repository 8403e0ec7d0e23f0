/**
 * HEAD out of GET: what would have been answered is made, counted and left off, so that both say the same. For answers
 * that are short, such as pages and JSON; whoever gives out files knows their length without reading them, and answers HEAD
 * by itself.
 */

/** Statuses whose answers have no body, and say nothing of its length. */
const bodiless: ReadonlySet<number> = new Set([204, 205, 304]);

/**
 * The answer to a HEAD request out of the one that `answer` gives to the same request as GET: its status and headers, with
 * the length its body has. A body whose length the answer names already is not read. What `answer` throws is thrown.
 */
export async function headOf(
  request: Request,
  answer: (get: Request) => Response | Promise<Response>,
): Promise<Response> {
  const { headers, signal, url } = request;
  const response = await answer(new Request(url, { headers, signal }));
  const { status } = response;
  const told = new Headers(response.headers);
  if (bodiless.has(status) || told.has("content-length")) await response.body?.cancel();
  else told.set("Content-Length", String((await response.arrayBuffer()).byteLength));
  return new Response(null, { status, headers: told });
}
