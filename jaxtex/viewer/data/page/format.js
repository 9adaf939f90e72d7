// Numbers as the live page shows them.

export const formatCount = (number) => number.toLocaleString("en").replaceAll(",", "\u2009");

export function formatDuration(seconds) {
  const whole = Math.round(seconds);
  const hours = Math.floor(whole / 3600), minutes = Math.floor(whole / 60) % 60;
  const twoDigits = (number) => String(number).padStart(2, "0");
  const rest = twoDigits(whole % 60);
  return hours ? `${hours}:${twoDigits(minutes)}:${rest}` : `${minutes}:${rest}`;
}

export function formatValue(number) {
  if (number == null) return "–";
  return number === 0 ? "0" : number.toExponential(2);
}

export function formatSpeed(stepsPerSecond) {
  if (stepsPerSecond == null) return "–";
  return stepsPerSecond < 1 ? `${(1 / stepsPerSecond).toFixed(1)} s/step` : `${stepsPerSecond.toFixed(1)} /s`;
}
