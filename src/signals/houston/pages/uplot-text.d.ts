/** uPlot's files as text, for browsers; the server never runs them. */
declare module "uplot/dist/uPlot.iife.min.js" {
  const text: string;
  export default text;
}
