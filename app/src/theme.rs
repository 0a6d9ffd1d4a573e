//! All colours, sizes, type and durations of the window, light and dark. Nothing else names one.
//!
//! The values are those of the design; the contrast table at the bottom is part of it and keeps them honest.

use std::sync::Arc;
use std::sync::LazyLock;

use eframe::egui::{
    self, Color32, CornerRadius, FontData, FontDefinitions, FontFamily, FontId, Margin, Shadow, Stroke, TextStyle,
    Theme, Visuals,
};
use serde::{Deserialize, Serialize};

/// The four colours of one state.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tone {
    /// A filled call state, a disc or a call button.
    pub solid: Color32,
    /// Text and icons on `solid`.
    pub on: Color32,
    /// Words and icons on surfaces and on `tint`.
    pub text: Color32,
    /// A quiet fill.
    pub tint: Color32,
}

/// Every colour of one theme.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Palette {
    /// Behind everything.
    pub window: Color32,
    /// Cards, strip, sound bar, tabs, fields, pop-ups.
    pub card: Color32,
    /// Quiet buttons, tiles, inset blocks, hovered and selected rows.
    pub quiet: Color32,
    /// Meter and slider tracks, pressed quiet button.
    pub track: Color32,
    /// Separators and card edges.
    pub border_soft: Color32,
    /// Edge of fields, chips, a switch that is off.
    pub border_control: Color32,
    pub text: Color32,
    pub muted: Color32,
    /// Primary button, switch on, slider, selection mark.
    pub ink: Color32,
    pub ink_on: Color32,
    pub ink_hover: Color32,
    /// Links only.
    pub accent: Color32,
    /// Focus ring, playhead, caret.
    pub focus: Color32,
    /// Ready, on call, they hear you.
    pub success: Tone,
    /// Hold, reconnecting, weak quality.
    pub warn: Tone,
    /// Problem, muted, end, decline.
    pub danger: Tone,
    /// Ringing, calling, signing in.
    pub info: Tone,
    pub meter: Color32,
    pub meter_low: Color32,
    /// Edge of a chip on a solid strip.
    pub chip_on_solid: Color32,
    /// Under pop-ups.
    pub shadow: Color32,
}

const fn rgb(hex: u32) -> Color32 {
    Color32::from_rgb((hex >> 16) as u8, (hex >> 8) as u8, hex as u8)
}

const fn tone(solid: u32, text: u32, tint: u32) -> Tone {
    Tone { solid: rgb(solid), on: Color32::WHITE, text: rgb(text), tint: rgb(tint) }
}

/// White at 75 %, premultiplied.
const CHIP_ON_SOLID: Color32 = Color32::from_rgba_premultiplied(191, 191, 191, 191);
/// Black at 20 %.
const SHADOW: Color32 = Color32::from_black_alpha(51);

/// What the colour of a touched control is mixed with, in both themes.
pub const SHADE: Color32 = Color32::BLACK;

pub const LIGHT: Palette = Palette {
    window: rgb(0xF4_F5F7),
    card: rgb(0xFF_FFFF),
    quiet: rgb(0xEB_EDF1),
    track: rgb(0xDD_E1E8),
    border_soft: rgb(0xD8_DCE3),
    border_control: rgb(0x7A_8391),
    text: rgb(0x1A_1E26),
    muted: rgb(0x53_5B68),
    ink: rgb(0x23_2935),
    ink_on: rgb(0xFF_FFFF),
    ink_hover: rgb(0x39_414F),
    accent: rgb(0x07_57B5),
    focus: rgb(0x09_69DA),
    success: tone(0x1A_7F37, 0x14_6329, 0xE3_F4E8),
    warn: tone(0x8A_5C00, 0x74_4E00, 0xFF_F1CC),
    danger: tone(0xCF_222E, 0xB3_1D28, 0xFD_E9EA),
    info: tone(0x09_69DA, 0x07_57B5, 0xE3_EFFC),
    meter: rgb(0x24_853F),
    meter_low: rgb(0x6B_7585),
    chip_on_solid: CHIP_ON_SOLID,
    shadow: SHADOW,
};

pub const DARK: Palette = Palette {
    window: rgb(0x11_1419),
    card: rgb(0x1A_1E25),
    quiet: rgb(0x26_2B35),
    track: rgb(0x34_3B47),
    border_soft: rgb(0x2C_323D),
    border_control: rgb(0x78_8293),
    text: rgb(0xE9_ECF1),
    muted: rgb(0xA6_AEBB),
    ink: rgb(0xE4_E8EE),
    ink_on: rgb(0x17_1A20),
    ink_hover: rgb(0xFF_FFFF),
    accent: rgb(0x7C_BBFF),
    focus: rgb(0x58_A6FF),
    success: tone(0x23_823A, 0x56_D364, 0x15_291C),
    warn: tone(0x94_6200, 0xE3_B341, 0x2E_2512),
    danger: tone(0xCF_3238, 0xFF_8A82, 0x35_1C1F),
    info: tone(0x1F_6BDC, 0x7C_BBFF, 0x14_263D),
    meter: rgb(0x3F_B950),
    meter_low: rgb(0x7D_8796),
    chip_on_solid: CHIP_ON_SOLID,
    shadow: SHADOW,
};

impl Palette {
    pub const fn of(dark: bool) -> &'static Self {
        if dark { &DARK } else { &LIGHT }
    }
}

/// The palette in force where this is drawn.
pub fn palette(ui: &egui::Ui) -> &'static Palette {
    Palette::of(ui.visuals().dark_mode)
}

/// Sizes in points.
pub mod size {
    pub const STRIP: f32 = 48.0;
    pub const HEADER: f32 = 48.0;
    pub const TABS: f32 = 56.0;
    /// One lane of the sound bar.
    pub const LANE: f32 = 44.0;
    pub const SOUND_BAR: f32 = 101.0;
    pub const SOUND_BAR_SMALL: f32 = 93.0;
    pub const RAIL: f32 = 80.0;
    pub const CALLS_COLUMN: f32 = 380.0;
    /// From this width on the calls stand beside the page.
    pub const TWO_COLUMNS: f32 = 760.0;
    /// Below this width or height the page edge shrinks.
    pub const SMALL_WIDTH: f32 = 400.0;
    pub const SMALL_HEIGHT: f32 = 600.0;
    /// Below this only what a call needs stays (200 % text in the smallest window).
    pub const TINY_WIDTH: f32 = 240.0;
    pub const TINY_HEIGHT: f32 = 400.0;

    pub const WINDOW: [f32; 2] = [420.0, 680.0];
    pub const WINDOW_SMALLEST: [f32; 2] = [360.0, 560.0];

    pub const CONTROL_S: f32 = 32.0;
    pub const CONTROL_M: f32 = 40.0;
    pub const CONTROL_L: f32 = 48.0;
    pub const TILE: f32 = 56.0;
    pub const TOOL: f32 = 48.0;
    pub const HELD_CALL: f32 = 56.0;
    pub const ROW_LIST: f32 = 52.0;
    pub const ROW_PHONE: f32 = 60.0;
    pub const ROW_MENU: f32 = 40.0;
    pub const TAG: f32 = 28.0;

    pub const RADIUS_S: f32 = 4.0;
    pub const RADIUS_M: f32 = 8.0;
    pub const RADIUS_L: f32 = 12.0;

    pub const STROKE: f32 = 1.0;
    pub const STROKE_STATE: f32 = 2.0;
    pub const METER: f32 = 6.0;
    pub const METER_LARGE: f32 = 8.0;
    pub const COUNTDOWN: f32 = 4.0;
}

/// Durations in seconds.
pub mod motion {
    /// Hover, press, switch knob.
    pub const FAST: f32 = 0.08;
    /// Pop-up fade.
    pub const BASE: f32 = 0.16;
    /// A notice at the bottom of the window.
    pub const TOAST: f32 = 5.0;
}

/// Type sizes and weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    Small,
    SmallStrong,
    Body,
    Label,
    Title,
    Headline,
    Display,
}

impl Type {
    pub const fn size(self) -> f32 {
        match self {
            Self::Small | Self::SmallStrong => 12.0,
            Self::Body | Self::Label => 14.0,
            Self::Title => 16.0,
            Self::Headline => 20.0,
            Self::Display => 28.0,
        }
    }

    /// Height of one line.
    pub const fn line(self) -> f32 {
        match self {
            Self::Small | Self::SmallStrong => 16.0,
            Self::Body | Self::Label => 20.0,
            Self::Title => 24.0,
            Self::Headline => 28.0,
            Self::Display => 36.0,
        }
    }

    pub fn font(self) -> FontId {
        let family = match self {
            Self::Small | Self::Body => FontFamily::Proportional,
            Self::SmallStrong | Self::Label | Self::Title | Self::Headline | Self::Display => STRONG.clone(),
        };
        FontId::new(self.size(), family)
    }
}

/// Which of the three icon files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IconWeight {
    /// From 20 points on.
    Regular,
    /// At 12 and 16 points.
    Bold,
    /// The active tab, and states.
    Fill,
}

static STRONG: LazyLock<FontFamily> = LazyLock::new(|| FontFamily::Name("strong".into()));
static ICON: LazyLock<FontFamily> = LazyLock::new(|| FontFamily::Name("icon".into()));
static ICON_BOLD: LazyLock<FontFamily> = LazyLock::new(|| FontFamily::Name("icon-bold".into()));
static ICON_FILL: LazyLock<FontFamily> = LazyLock::new(|| FontFamily::Name("icon-fill".into()));

/// The font of an icon of this size.
pub fn icon_font(weight: IconWeight, size: f32) -> FontId {
    let family = match weight {
        IconWeight::Regular => &ICON,
        IconWeight::Bold => &ICON_BOLD,
        IconWeight::Fill => &ICON_FILL,
    };
    FontId::new(size, FontFamily::clone(family))
}

/// Light, dark, or as the system says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ThemeChoice {
    #[default]
    System,
    Light,
    Dark,
}

impl From<ThemeChoice> for egui::ThemePreference {
    fn from(choice: ThemeChoice) -> Self {
        match choice {
            ThemeChoice::System => Self::System,
            ThemeChoice::Light => Self::Light,
            ThemeChoice::Dark => Self::Dark,
        }
    }
}

/// Sets fonts and the two styles. Once, before the first frame.
pub fn install(ctx: &egui::Context) {
    ctx.set_fonts(fonts());
    for theme in [Theme::Light, Theme::Dark] {
        ctx.style_mut_of(theme, |style| restyle(style, theme == Theme::Dark));
    }
    ctx.options_mut(|options| {
        options.zoom_with_keyboard = false;
        options.fallback_theme = Theme::Light;
    });
}

/// Everything at rest: pop-ups and hovers change at once.
pub fn set_reduced_motion(ctx: &egui::Context, reduced: bool) {
    ctx.all_styles_mut(|style| style.animation_time = if reduced { 0.0 } else { motion::FAST });
}

/// Whether things may move.
pub fn moves(ui: &egui::Ui) -> bool {
    ui.style().animation_time > 0.0
}

fn fonts() -> FontDefinitions {
    let mut fonts = FontDefinitions::empty();
    let files: [(&str, &'static [u8]); 5] = [
        ("inter", include_bytes!("../../assets/fonts/Inter-Regular.otf")),
        ("inter-strong", include_bytes!("../../assets/fonts/Inter-SemiBold.otf")),
        ("icon", include_bytes!("../../assets/fonts/Phosphor.ttf")),
        ("icon-bold", include_bytes!("../../assets/fonts/Phosphor-Bold.ttf")),
        ("icon-fill", include_bytes!("../../assets/fonts/Phosphor-Fill.ttf")),
    ];
    for (name, bytes) in files {
        fonts.font_data.insert(name.to_owned(), Arc::new(FontData::from_static(bytes)));
    }
    let families: [(FontFamily, &str); 6] = [
        (FontFamily::Proportional, "inter"),
        // There is no monospace text; egui wants the family to exist.
        (FontFamily::Monospace, "inter"),
        (STRONG.clone(), "inter-strong"),
        (ICON.clone(), "icon"),
        (ICON_BOLD.clone(), "icon-bold"),
        (ICON_FILL.clone(), "icon-fill"),
    ];
    for (family, name) in families {
        fonts.families.insert(family, vec![name.to_owned()]);
    }
    fonts
}

/// What egui's own widgets (text fields, scroll bars, tooltips) look like.
fn restyle(style: &mut egui::Style, dark: bool) {
    let colors = Palette::of(dark);
    style.text_styles = [
        (TextStyle::Small, Type::Small.font()),
        (TextStyle::Body, Type::Body.font()),
        (TextStyle::Button, Type::Label.font()),
        (TextStyle::Heading, Type::Title.font()),
        (TextStyle::Monospace, Type::Body.font()),
    ]
    .into();
    style.animation_time = motion::FAST;
    style.interaction.tooltip_delay = 0.4;
    style.interaction.selectable_labels = false;
    style.spacing.tooltip_width = 280.0;

    let mut visuals = if dark { Visuals::dark() } else { Visuals::light() };
    visuals.override_text_color = Some(colors.text);
    visuals.weak_text_color = Some(colors.muted);
    visuals.panel_fill = colors.window;
    visuals.window_fill = colors.card;
    visuals.window_stroke = Stroke::new(size::STROKE, colors.border_soft);
    visuals.extreme_bg_color = colors.card;
    visuals.text_edit_bg_color = Some(colors.card);
    visuals.faint_bg_color = colors.quiet;
    visuals.hyperlink_color = colors.accent;
    visuals.selection.bg_fill = colors.info.tint;
    visuals.selection.stroke = Stroke::new(size::STROKE, colors.text);
    // A blinking caret would draw the window twice a second for ever.
    visuals.text_cursor.blink = false;
    visuals.text_cursor.stroke = Stroke::new(2.0, colors.focus);
    visuals.popup_shadow = Shadow { offset: [0, 8], blur: 24, spread: 0, color: colors.shadow };
    visuals.menu_corner_radius = CornerRadius::same(size::RADIUS_M as u8);
    for (widget, fill) in [
        (&mut visuals.widgets.noninteractive, colors.card),
        (&mut visuals.widgets.inactive, colors.quiet),
        (&mut visuals.widgets.hovered, colors.track),
        (&mut visuals.widgets.active, colors.track),
        (&mut visuals.widgets.open, colors.quiet),
    ] {
        widget.bg_fill = fill;
        widget.weak_bg_fill = fill;
        widget.fg_stroke.color = colors.text;
        widget.bg_stroke.color = colors.border_soft;
    }
    style.visuals = visuals;
    // The fade is in the colour of the window; the lists stand on cards.
    style.spacing.scroll.fade.strength = 0.0;
    style.spacing.menu_margin = Margin::symmetric(12, 8);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance of WCAG 2.1.
    fn luminance(color: Color32) -> f64 {
        let linear = |channel: u8| {
            let c = f64::from(channel) / 255.0;
            if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * linear(color.r()) + 0.7152 * linear(color.g()) + 0.0722 * linear(color.b())
    }

    fn contrast(a: Color32, b: Color32) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    fn named(palette: &Palette, name: &str) -> Color32 {
        let part = |tone: &Tone, part: &str| match part {
            "solid" => tone.solid,
            "on" => tone.on,
            "text" => tone.text,
            _ => tone.tint,
        };
        match name.split_once('.') {
            Some(("surface", "window")) => palette.window,
            Some(("surface", "card")) => palette.card,
            Some(("surface", "quiet")) => palette.quiet,
            Some(("surface", "track")) => palette.track,
            Some(("border", _)) => palette.border_control,
            Some(("text", _)) => palette.muted,
            Some(("ink", "on")) => palette.ink_on,
            Some(("ink", _)) => palette.ink_hover,
            Some(("meter", _)) => palette.meter_low,
            Some(("success", which)) => part(&palette.success, which),
            Some(("warn", which)) => part(&palette.warn, which),
            Some(("danger", which)) => part(&palette.danger, which),
            Some(("info", which)) => part(&palette.info, which),
            _ => match name {
                "text" => palette.text,
                "ink" => palette.ink,
                "accent" => palette.accent,
                "focus" => palette.focus,
                "meter" => palette.meter,
                other => panic!("no colour is called {other}"),
            },
        }
    }

    /// Foreground, background, contrast in light and in dark.
    #[expect(clippy::approx_constant, reason = "a contrast, and no circle")]
    const TABLE: &[(&str, &str, f64, f64)] = &[
        ("text", "surface.window", 15.31, 15.58),
        ("text", "surface.card", 16.70, 14.11),
        ("text", "surface.quiet", 14.25, 11.99),
        ("text", "surface.track", 12.73, 9.52),
        ("text.muted", "surface.window", 6.28, 8.25),
        ("text.muted", "surface.card", 6.85, 7.48),
        ("text.muted", "surface.quiet", 5.85, 6.35),
        ("accent", "surface.window", 6.33, 9.15),
        ("accent", "surface.card", 6.91, 8.29),
        ("accent", "surface.quiet", 5.89, 7.04),
        ("ink.on", "ink", 14.58, 14.17),
        ("ink.on", "ink.hover", 10.28, 17.43),
        ("success.on", "success.solid", 5.08, 4.85),
        ("success.text", "success.tint", 6.45, 7.98),
        ("success.text", "surface.window", 6.76, 9.58),
        ("success.text", "surface.card", 7.38, 8.67),
        ("success.text", "surface.quiet", 6.29, 7.37),
        ("text", "success.tint", 14.61, 12.98),
        ("text.muted", "success.tint", 6.00, 6.88),
        ("warn.on", "warn.solid", 5.81, 5.24),
        ("warn.text", "warn.tint", 6.60, 7.77),
        ("warn.text", "surface.window", 6.80, 9.48),
        ("warn.text", "surface.card", 7.41, 8.59),
        ("warn.text", "surface.quiet", 6.33, 7.29),
        ("text", "warn.tint", 14.87, 12.76),
        ("text.muted", "warn.tint", 6.10, 6.76),
        ("danger.on", "danger.solid", 5.36, 5.04),
        ("danger.text", "danger.tint", 5.77, 6.89),
        ("danger.text", "surface.window", 6.16, 8.09),
        ("danger.text", "surface.card", 6.72, 7.33),
        ("danger.text", "surface.quiet", 5.74, 6.23),
        ("text", "danger.tint", 14.33, 13.26),
        ("text.muted", "danger.tint", 5.88, 7.02),
        ("info.on", "info.solid", 5.19, 5.01),
        ("info.text", "info.tint", 5.93, 7.57),
        ("info.text", "surface.window", 6.33, 9.15),
        ("info.text", "surface.card", 6.91, 8.29),
        ("info.text", "surface.quiet", 5.89, 7.04),
        ("text", "info.tint", 14.33, 12.90),
        ("text.muted", "info.tint", 5.88, 6.83),
        ("border.control", "surface.window", 3.51, 4.76),
        ("border.control", "surface.card", 3.83, 4.31),
        ("border.control", "surface.quiet", 3.27, 3.66),
        ("focus", "surface.window", 4.76, 7.31),
        ("focus", "surface.card", 5.19, 6.62),
        ("focus", "surface.quiet", 4.43, 5.62),
        ("ink", "surface.window", 13.37, 15.01),
        ("ink", "surface.card", 14.58, 13.59),
        ("ink", "surface.quiet", 12.44, 11.54),
        ("success.solid", "surface.window", 4.66, 3.80),
        ("success.solid", "surface.card", 5.08, 3.44),
        ("warn.solid", "surface.window", 5.33, 3.52),
        ("warn.solid", "surface.card", 5.81, 3.19),
        ("danger.solid", "surface.window", 4.91, 3.66),
        ("danger.solid", "surface.card", 5.36, 3.32),
        ("info.solid", "surface.window", 4.76, 3.69),
        ("info.solid", "surface.card", 5.19, 3.34),
        ("meter", "surface.card", 4.66, 6.58),
        ("meter", "surface.track", 3.56, 4.44),
        ("meter.low", "surface.card", 4.66, 4.60),
        ("meter.low", "surface.track", 3.55, 3.10),
        ("meter.low", "surface.quiet", 3.97, 3.91),
    ];

    #[test]
    fn contrast_is_what_the_design_says() {
        for (front, back, light, dark) in TABLE {
            for (palette, expected) in [(&LIGHT, light), (&DARK, dark)] {
                let found = contrast(named(palette, front), named(palette, back));
                assert!((found - expected).abs() < 0.01, "{front} on {back}: {found:.2}, not {expected}");
            }
        }
    }

    #[expect(clippy::case_sensitive_file_extension_comparisons, reason = "names of colours, and no files")]
    #[test]
    fn text_reaches_four_and_a_half_and_controls_three() {
        for (front, back, ..) in TABLE {
            let is_text =
                front.starts_with("text") || front.ends_with(".text") || front.ends_with(".on") || *front == "accent";
            let least = if is_text { 4.5 } else { 3.0 };
            for palette in [&LIGHT, &DARK] {
                let found = contrast(named(palette, front), named(palette, back));
                assert!(found >= least, "{front} on {back}: {found:.2} is below {least}");
            }
        }
    }
}
