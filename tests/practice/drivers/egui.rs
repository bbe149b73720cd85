//! egui: a slider with focus reads the input four times in one expression, so that four read guards of one lock live at
//! once; a writer that comes in between blocks the next of them (emilk/egui#1380).
//!
//! `once`: three frames and nobody else. `hammer`: two threads ask for repaints, until all is stuck or there were 3000
//! frames.

use std::thread;

fn frame(context: &egui::Context, value: &mut f32) {
    let _ = context.run(egui::RawInput::default(), |context| {
        egui::CentralPanel::default().show(context, |ui| {
            ui.add(egui::Slider::new(value, 0.0..=10.0)).request_focus();
        });
    });
}

fn main() {
    let once = std::env::args().nth(1).as_deref() == Some("once");
    let context = egui::Context::default();
    for _ in 0..if once { 0 } else { 2 } {
        let context = context.clone();
        thread::spawn(move || loop {
            context.request_repaint();
        });
    }
    let ui = thread::spawn(move || {
        let mut value = 5.0;
        for _ in 0..if once { 3 } else { 3000 } {
            frame(&context, &mut value);
        }
    });
    ui.join().unwrap();
    println!("done");
    std::process::exit(0);
}
