//! `lockcheck convert`: a trace of events in another form. What the other form cannot hold is refused, not lost.

use std::fs::{File, Permissions};
use std::io::BufWriter;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use lockcheck_events::rapid_binary::BinaryWriter;
use lockcheck_events::std_text::{TextWriter, WriteError};
use lockcheck_events::trace_event::{Located, Names, TraceReader};

use crate::args::ConvertArgs;
use crate::config::Style;
use crate::error::{CliError, Result};
use crate::event_trace::{self, Form, Reader};
use crate::exit::Exit;
use crate::output;

/// Carries it out. OUT appears whole or not at all.
pub fn convert(args: &ConvertArgs, style: Style) -> Result<Exit> {
    let (input, output) = (&args.input, &args.output);
    let target = target(output)?;
    let source = Form::of(input)?;
    let mut reader = Reader::open(input, source, style.format)?;
    let folder = match output.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    let fault = |error: &std::io::Error| CliError::io("write", output, error);
    let mut builder = tempfile::Builder::new();
    // The umask takes from this what it takes from any new file.
    let builder = builder.permissions(Permissions::from_mode(0o666));
    let file = builder.tempfile_in(folder).map_err(|error| fault(&error))?;
    let mut writer = Writer::new(file.as_file().try_clone().map_err(|error| fault(&error))?, target)
        .map_err(|error| of_write(input, output, error))?;
    while let Some(located) = reader.next() {
        match located {
            Ok(located) => {
                writer.write(reader.names(), &located).map_err(|error| of_write(input, output, error))?;
            }
            Err(error) if error.is_truncation() => output::note(style, &error.to_string()),
            Err(error) => return Err(event_trace::of_read(input, &error)),
        }
    }
    writer.finish().map_err(|error| of_write(input, output, error))?;
    file.persist(output).map_err(|error| fault(&error.error))?;
    if target == Form::Binary && source == Form::Text {
        output::note(
            style,
            "the binary form has no names: threads, locks and variables are numbered as they appear",
        );
    }
    Ok(Exit::Clean)
}

/// The form that the file is to have.
fn target(path: &Path) -> Result<Form> {
    match Form::of_extension(path) {
        Some(form @ (Form::Text | Form::Binary)) => Ok(form),
        _ => {
            let message = format!("the extension of `{}` names no form that can be written", path.display());
            Err(CliError::usage("unknown-form", message).help(format!(
                "name it .{} for STD text, or .{} for the published binary form",
                event_trace::TEXT_EXTENSION,
                event_trace::BINARY_EXTENSIONS.join(", .")
            )))
        }
    }
}

enum Writer {
    Text(TextWriter<BufWriter<File>>),
    Binary(BinaryWriter<BufWriter<File>>),
}

impl Writer {
    fn new(file: File, form: Form) -> std::result::Result<Writer, WriteError> {
        let file = BufWriter::with_capacity(1 << 18, file);
        Ok(match form {
            Form::Binary => Writer::Binary(BinaryWriter::new(file)?),
            _ => Writer::Text(TextWriter::new(file)),
        })
    }

    fn write(&mut self, names: &Names, located: &Located) -> std::result::Result<(), WriteError> {
        match self {
            Writer::Text(writer) => writer.write(names, located),
            Writer::Binary(writer) => writer.write(located),
        }
    }

    fn finish(self) -> std::result::Result<(), WriteError> {
        match self {
            Writer::Text(writer) => writer.finish().map(drop),
            Writer::Binary(writer) => writer.finish().map(drop),
        }
    }
}

/// What the target cannot hold is a fault of the input, at the line of the event.
fn of_write(input: &Path, output: &Path, error: WriteError) -> CliError {
    match error {
        WriteError::Io(error) => CliError::io("write", output, &error),
        WriteError::CannotHold { line, .. } => {
            let message = format!("{}:{line}: {error}", input.display());
            CliError::usage("cannot-hold", message).at(input, line as usize, 0)
        }
    }
}
