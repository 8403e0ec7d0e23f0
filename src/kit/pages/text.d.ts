/**
 * Styles and browser scripts are imported as text (`with { type: "text" }`): the same bytes when run, tested and compiled
 * into the executable. Browser scripts are plain JavaScript with types in comments, so what is read here is what runs
 * there; `browser.tsconfig.json` checks them against the browser's own declarations, which the server must not see.
 */
declare module "*.css" {
  const text: string;
  export default text;
}

declare module "*.browser.js" {
  const text: string;
  export default text;
}

declare module "*.svg" {
  const text: string;
  export default text;
}
