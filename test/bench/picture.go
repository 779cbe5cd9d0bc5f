package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"math"
	"slices"
	"strings"
)

// bar is a row in the picture. Its figures are times as good as what stands beside it:
// where less is better, the inverse of the ratio.
type bar struct {
	label     string
	low, high float64 // the rounds'
	value     float64
	goal      float64
	reached   bool
}

// bars are the rows that have a goal and were measured, in the order of the table.
func bars(rows []row, all []result) []bar {
	var drawn []bar
	for _, r := range rows {
		at := slices.IndexFunc(all, func(done result) bool { return done.Name == r.name })
		if r.goal == 0 || at < 0 {
			continue
		}
		middle, low, high := all[at].ratio()
		b := bar{label: r.name, value: middle, low: low, high: high, goal: r.goal, reached: r.reached(middle)}
		if r.less {
			b.value, b.low, b.high, b.goal = 1/middle, 1/high, 1/low, 1/r.goal
		}
		drawn = append(drawn, b)
	}
	return drawn
}

// The picture's measures, in pixels.
const (
	pictureWidth = 880
	labelWidth   = 430 // to the left of the plot
	valueWidth   = 70  // to its right
	rowHeight    = 24
	barHeight    = 12
	headHeight   = 64
	footHeight   = 34
)

// pictureStyle has colours of its own for a dark page, and a background, because the page
// around may be of the other kind.
const pictureStyle = `
    .page { fill: #ffffff; stroke: #d0d7de }
    text { font: 13px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2328 }
    .title { font-size: 15px; font-weight: 600 }
    .quiet { fill: #59636e; font-size: 12px }
    .grid { stroke: #d8dee4 }
    .one { stroke: #59636e; stroke-width: 1.5 }
    .reached { fill: #1a7f64 }
    .missed { fill: #b35900 }
    .range { stroke: #1f2328; stroke-opacity: .55 }
    .goal { stroke: #1f2328; stroke-width: 2.5 }
    @media (prefers-color-scheme: dark) {
      .page { fill: #0d1117; stroke: #3d444d }
      text { fill: #e6edf3 }
      .quiet { fill: #9198a1 }
      .grid { stroke: #2a313a }
      .one { stroke: #9198a1 }
      .reached { fill: #3fb68b }
      .missed { fill: #e08a3c }
      .range, .goal { stroke: #e6edf3 }
    }
  `

// scale maps times to pixels, logarithmically.
type scale struct{ low, high float64 }

// newScale covers all bars, their goals and 1, in whole powers of two.
func newScale(all []bar) scale {
	s := scale{low: 0.5, high: 2}
	for _, b := range all {
		for _, x := range []float64{b.low, b.high, b.goal} {
			s.low = min(s.low, math.Exp2(math.Floor(math.Log2(x))))
			s.high = max(s.high, math.Exp2(math.Ceil(math.Log2(x))))
		}
	}
	return s
}

func (s scale) x(value float64) float64 {
	const width = pictureWidth - labelWidth - valueWidth
	return labelWidth + width*math.Log2(value/s.low)/math.Log2(s.high/s.low)
}

// picture draws the bars as an SVG document.
func picture(all []bar) []byte {
	s := newScale(all)
	height := headHeight + rowHeight*len(all) + footHeight
	bottom := height - footHeight
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="%s">
  <style>%s</style>
  <rect class="page" x="0.5" y="0.5" width="%d" height="%d" rx="6"/>
  <text class="title" x="16" y="26">Mission Control: how many times as fast, or as small, as what it is measured beside</text>
  <text class="quiet" x="16" y="46">Bars begin at 1 and go right where Mission Control is ahead; thin line: slowest to fastest round; thick mark: the goal.</text>
`, pictureWidth, height, pictureWidth, height, escape(spoken(all)), pictureStyle, pictureWidth-1, height-1)
	for tick := s.low; tick <= s.high; tick *= 2 {
		class := "grid"
		if tick == 1 {
			class = "one"
		}
		fmt.Fprintf(&b, `  <line class="%s" x1="%.1f" y1="%d" x2="%.1f" y2="%d"/>`+"\n", class, s.x(tick), headHeight-4, s.x(tick), bottom)
		if s.high/s.low <= 1<<7 || tick == 1 || math.Mod(math.Log2(tick), 2) == 0 {
			fmt.Fprintf(&b, `  <text class="quiet" x="%.1f" y="%d" text-anchor="middle">%s</text>`+"\n", s.x(tick), bottom+18, tickName(tick))
		}
	}
	for i, one := range all {
		drawBar(&b, s, one, headHeight+rowHeight*i)
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

func drawBar(b *bytes.Buffer, s scale, one bar, top int) {
	class := "missed"
	if one.reached {
		class = "reached"
	}
	left, right := s.x(min(one.value, 1)), s.x(max(one.value, 1))
	middle := top + rowHeight/2
	fmt.Fprintf(b, `  <text x="%d" y="%d" text-anchor="end">%s</text>`+"\n", labelWidth-12, middle+4, escape(one.label))
	fmt.Fprintf(b, `  <rect class="%s" x="%.1f" y="%d" width="%.1f" height="%d"/>`+"\n", class, left, middle-barHeight/2, max(right-left, 1), barHeight)
	fmt.Fprintf(b, `  <line class="range" x1="%.1f" y1="%d" x2="%.1f" y2="%d"/>`+"\n", s.x(one.low), middle, s.x(one.high), middle)
	fmt.Fprintf(b, `  <line class="goal" x1="%.1f" y1="%d" x2="%.1f" y2="%d"/>`+"\n", s.x(one.goal), middle-9, s.x(one.goal), middle+9)
	fmt.Fprintf(b, `  <text x="%d" y="%d" text-anchor="end">%s×</text>`+"\n", pictureWidth-16, middle+4, short(one.value))
}

// spoken describes the picture to a screen reader.
func spoken(all []bar) string {
	reached := 0
	for _, b := range all {
		if b.reached {
			reached++
		}
	}
	return fmt.Sprintf("%d of %d goals are reached; the table has the figures", reached, len(all))
}

// tickName writes a power of two.
func tickName(x float64) string {
	if x < 1 {
		return fmt.Sprintf("1/%.0f", 1/x)
	}
	return fmt.Sprintf("%.0f", x)
}

func escape(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a strings.Builder takes everything
	return b.String()
}
