/** What stands in the page before its script runs. */
export const PAGE_BODY = `<header>
  <div class="titles">
    <h1><span id="host"></span></h1>
    <label class="event">Event <select id="event"></select></label>
    <p id="facts"></p>
    <p id="losses" hidden></p>
  </div>
  <div class="tools" role="search">
    <span class="field">
      <input id="search" type="search" placeholder="Search (regular expression)" autocomplete="off" spellcheck="false"
        aria-label="Search function names by regular expression" aria-describedby="matched">
      <kbd aria-hidden="true">/</kbd>
    </span>
    <button id="flip" type="button" title="Turn upside down (i)" aria-pressed="false">Icicle</button>
    <button id="reset" type="button" title="Show everything (Esc)" disabled>Reset zoom</button>
    <output id="matched"></output>
  </div>
  <nav id="path" aria-label="Zoom path"></nav>
</header>
<main id="stage">
  <canvas id="graph" tabindex="0" role="img" aria-describedby="status"></canvas>
  <div id="extent" aria-hidden="true"></div>
</main>
<footer>
  <p id="status" role="status">Click a frame to zoom. Arrow keys move, Enter zooms, Esc goes back.</p>
  <ul id="legend" aria-label="Colours"></ul>
  <button id="hottest-open" type="button" aria-expanded="false" aria-controls="hottest">Hottest functions</button>
</footer>
<section id="hottest" aria-label="Hottest functions" hidden>
  <table>
    <thead><tr><th scope="col">Self</th><th scope="col">Total</th><th scope="col">Function</th><th scope="col">Module</th></tr></thead>
    <tbody id="hottest-rows"></tbody>
  </table>
</section>
<div id="tip" role="tooltip" hidden></div>
<noscript>This flame graph is drawn by the script inside this file: allow scripts to see it.</noscript>`
