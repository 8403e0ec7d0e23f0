/** @jsxImportSource hono/jsx */
import { expect, test } from "bun:test";

import { ListPagination, SearchForm } from "./components.tsx";
import { listQuery, renderHtml } from "./html.ts";

test("listQuery: names what is searched for and the page, and nothing for the first page of all", () => {
  expect(listQuery("", 0)).toBe("");
  expect(listQuery("a & b", 0)).toBe("?search=a+%26+b");
  expect(listQuery("", 2)).toBe("?page=2");
  expect(listQuery("web", 1)).toBe("?search=web&page=1");
});

test("ListPagination: links to the page before and after, and is left out for a single page", () => {
  const of = (page: number, pages: number) =>
    renderHtml(<ListPagination label="Pages" path="/x/" search="a" page={page} pages={pages} count="7 checks" />);
  expect(of(0, 1)).toBe("");
  expect(of(1, 3)).toBe(
    '<nav class="pagination" aria-label="Pages"><a rel="prev" href="/x/?search=a">Newer</a>' +
      '<span>7 checks, page 2 of 3</span><a rel="next" href="/x/?search=a&amp;page=2">Older</a></nav>',
  );
  expect(of(2, 3)).toContain('<span class="away">Older</span>');
  expect(of(0, 3)).toContain('<span class="away">Newer</span>');
});

test("SearchForm: keeps what was searched for, escaped", () => {
  expect(renderHtml(<SearchForm label="Part of a name" value={'"><b>'} />)).toContain('value="&quot;&gt;&lt;b&gt;"');
});
