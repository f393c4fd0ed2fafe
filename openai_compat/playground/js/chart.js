// A chart of uPlot, in the colours of the page.

import { html, useEffect, useRef, useState } from "../vendor/htm-preact.js";

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/**
 * Draw series over x. data is [x, y, ...]; each series has a label, a colour's name, and may have a dash, a fill, or be
 * stepped. label says in words what is seen.
 */
export function Chart({ title, label, data, series, unit = "", xUnit = "s", height = 150, max = null }) {
  const holder = useRef(null);
  const plot = useRef(null);
  const [look, setLook] = useState(0);

  useEffect(() => {
    const redraw = () => setLook((count) => count + 1);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    addEventListener("helix-theme", redraw);
    dark.addEventListener("change", redraw);
    return () => {
      removeEventListener("helix-theme", redraw);
      dark.removeEventListener("change", redraw);
    };
  }, []);

  useEffect(() => {
    const element = holder.current;
    const axis = { stroke: colour("muted"), grid: { stroke: colour("line"), width: 1 }, ticks: { show: false }, font: "11px system-ui, sans-serif" };
    const make = (width) =>
      new uPlot(
        {
          width,
          height,
          legend: { show: false },
          cursor: { show: false },
          scales: { x: { time: false }, y: { range: (_, low, high) => [0, max ?? Math.max(1, (high ?? 1) * 1.08)] } },
          axes: [
            { ...axis, size: 24, gap: 4, space: 60, values: (_, ticks) => ticks.map((tick) => `${tick} ${xUnit}`) },
            { ...axis, size: 46, gap: 6, space: 28, values: (_, ticks) => ticks.map((tick) => `${tick}${unit}`) },
          ],
          series: [
            {},
            ...series.map((one) => ({
              stroke: colour(one.colour),
              width: 2,
              dash: one.dash,
              fill: one.isFilled ? `color-mix(in srgb, ${colour(one.colour)} 18%, transparent)` : undefined,
              paths: one.isStepped ? uPlot.paths.stepped({ align: -1 }) : undefined,
              points: { show: false },
              spanGaps: true,
            })),
          ],
        },
        data,
        element,
      );
    const observer = new ResizeObserver(() => {
      const width = Math.floor(element.clientWidth);
      if (!width) return;
      if (plot.current) plot.current.setSize({ width, height });
      else plot.current = make(width);
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [look, series.length]);

  useEffect(() => plot.current?.setData(data));

  return html`<figure class="chart">
    <figcaption>
      <h3>${title}</h3>
      <ul class="legend">
        ${series.map((one) => html`<li><i class="swatch" data-colour=${one.colour} data-dashed=${String(Boolean(one.dash))}></i>${one.label}</li>`)}
      </ul>
    </figcaption>
    <div ref=${holder} role="img" aria-label=${label}></div>
  </figure>`;
}
