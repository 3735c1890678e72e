// Figures as text. What is undefined is "–", never 0.
export const NONE = "–";

const known = (x) => x !== null && x !== undefined && Number.isFinite(x);

export function number(x, digits = 4) {
  if (!known(x)) return NONE;
  if (x === 0) return "0";
  const size = Math.abs(x);
  if (size >= 1e5 || size < 1e-3) return x.toExponential(Math.min(digits - 1, 2)).replace("e+", "e").replace("-", "−").replace("e-", "e−");
  return Number(x.toPrecision(digits)).toString().replace("-", "−");
}

const grouped = new Intl.NumberFormat("en");
export const count = (x) => (known(x) ? grouped.format(x) : NONE);

/** A share as a percentage; many times the whole as a factor, which reads better than 10⁸ %. */
export function percent(x) {
  if (!known(x)) return NONE;
  if (Math.abs(x) >= 10) return `${number(x, 3)} ×`;
  if (x !== 0 && Math.abs(x) < 1e-5) return `${number(100 * x, 3)} %`;
  return `${Number((100 * x).toPrecision(3))} %`;
}

export function duration(seconds) {
  if (!known(seconds)) return NONE;
  const s = Math.max(0, seconds);
  if (s < 90) return `${Math.round(s)} s`;
  if (s < 5400) return `${Math.round(s / 60)} min`;
  if (s < 172800) return `${Math.round(s / 3600)} h`;
  return `${Math.round(s / 86400)} d`;
}

/** The value of an uncertain figure, or null. */
export const valueOf = (figure) => (figure && known(figure.value) ? figure.value : null);

/** Its standard error, or null. */
export const errorOf = (figure) => (figure && known(figure.standardError) ? figure.standardError : null);

/** a / b where that means something. */
export const ratio = (a, b) => (known(a) && known(b) && b > 0 ? a / b : null);

export const layerName = (name) => (name === "_total" ? "whole model" : name);
