(function () {
  "use strict";
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const narrow = window.matchMedia("(max-width: 40rem)");

  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  function themed(layout) {
    const result = Object.assign({}, layout);
    result.modebar = Object.assign({}, layout.modebar, { color: colour("--quiet"), activecolor: colour("--link") });
    result.font = { color: colour("--text"), family: "system-ui, sans-serif", size: narrow.matches ? 11 : 12 };
    for (const axis of ["xaxis", "yaxis"]) {
      if (layout[axis]) {
        result[axis] = Object.assign({}, layout[axis], {
          gridcolor: colour("--line"), linecolor: colour("--line"), zeroline: false,
        });
      }
    }
    return result;
  }

  const plots = Array.from(document.querySelectorAll("script[data-plot]")).map(function (script) {
    return { place: document.getElementById(script.dataset.plot), figure: JSON.parse(script.textContent) };
  });

  function draw() {
    for (const plot of plots) {
      Plotly.react(plot.place, plot.figure.data, themed(plot.figure.layout), {
        responsive: true, displaylogo: false, displayModeBar: narrow.matches ? false : "hover",
      });
    }
  }

  draw();
  dark.addEventListener("change", draw);
})();
