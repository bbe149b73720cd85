//! Adds `tracked` to a Cargo.toml and leaves the rest of the file as it stands.

use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, TableLike, Value};

/// Where `tracked` comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Source {
    /// A folder, absolute or as seen from the manifest.
    Path(String),
    /// The registry.
    Version(String),
}

/// What a package needs of `tracked`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Need {
    /// Where it comes from.
    pub source: Source,
    /// Features that the package's own code needs.
    pub features: Vec<String>,
    /// Whether tests, examples and benchmarks alone use it.
    pub dev_only: bool,
}

/// Why a manifest cannot be changed.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It is not TOML.
    #[error("{0}")]
    Syntax(#[from] toml_edit::TomlError),
    /// Something is of another type than cargo takes.
    #[error("`{0}` is not a table; cargo would not take it either")]
    NotATable(String),
}

/// `[dependencies] tracked` for the code, `[dev-dependencies] tracked` with `check` for its tests. What is there
/// already stays and gets the features that it lacks. None where nothing is to be done.
///
/// # Errors
///
/// If the text is no manifest.
pub fn add_dependency(text: &str, need: &Need) -> Result<Option<String>, ManifestError> {
    let mut document: DocumentMut = text.parse()?;
    let own: Vec<&str> = need.features.iter().map(String::as_str).collect();
    if need.dev_only {
        let all: Vec<&str> = ["check"].into_iter().chain(own).collect();
        add(&mut document, &dev_section(text), need, &all)?;
    } else {
        add(&mut document, "dependencies", need, &own)?;
        add(&mut document, &dev_section(text), need, &["check"])?;
    }
    let new = document.to_string();
    Ok((new != text).then_some(new))
}

/// Older manifests may have an underscore.
fn dev_section(text: &str) -> String {
    let old = text.lines().any(|line| line.trim_start().starts_with("[dev_dependencies"));
    if old { "dev_dependencies".to_owned() } else { "dev-dependencies".to_owned() }
}

fn add(
    document: &mut DocumentMut,
    section: &str,
    need: &Need,
    features: &[&str],
) -> Result<(), ManifestError> {
    let is_new = !document.contains_key(section);
    let item = document.entry(section).or_insert_with(|| Item::Table(Table::new()));
    let only_headed = item.as_table().is_some_and(Table::is_implicit) && !is_new;
    let table = item.as_table_like_mut().ok_or_else(|| ManifestError::NotATable(section.to_owned()))?;
    match table.get_mut("tracked") {
        Some(old) => complete(old, features),
        // Where every dependency has a header of its own, so has this one.
        None if only_headed => {
            let mut new = Table::new();
            fill(&mut new, need, features);
            table.insert("tracked", Item::Table(new));
        }
        None => {
            table.insert("tracked", Item::Value(value(need, features)));
        }
    }
    Ok(())
}

fn value(need: &Need, features: &[&str]) -> Value {
    match &need.source {
        Source::Version(version) if features.is_empty() => version.as_str().into(),
        _ => {
            let mut table = InlineTable::new();
            fill(&mut table, need, features);
            table.into()
        }
    }
}

fn fill(table: &mut dyn TableLike, need: &Need, features: &[&str]) {
    let (key, text) = match &need.source {
        Source::Path(path) => ("path", path),
        Source::Version(version) => ("version", version),
    };
    table.insert(key, Item::Value(text.as_str().into()));
    if !features.is_empty() {
        table.insert("features", Item::Value(features.iter().copied().collect::<Array>().into()));
    }
}

/// Adds the features that are missing.
fn complete(old: &mut Item, features: &[&str]) {
    if features.is_empty() {
        return;
    }
    if let Some(version) = old.as_str().map(str::to_owned) {
        let mut table = InlineTable::new();
        table.insert("version", version.into());
        table.insert("features", features.iter().copied().collect::<Array>().into());
        *old = Item::Value(table.into());
        return;
    }
    let Some(table) = old.as_table_like_mut() else { return };
    let list = table.entry("features").or_insert_with(|| Item::Value(Array::new().into()));
    let Some(list) = list.as_array_mut() else { return };
    for feature in features {
        if !list.iter().any(|there| there.as_str() == Some(feature)) {
            list.push(*feature);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need(dev_only: bool, features: &[&str]) -> Need {
        Need {
            source: Source::Version("0.1".to_owned()),
            features: features.iter().map(|feature| (*feature).to_owned()).collect(),
            dev_only,
        }
    }

    fn added(text: &str, need: &Need) -> String {
        let new = add_dependency(text, need).unwrap().unwrap();
        assert_eq!(add_dependency(&new, need).unwrap(), None, "a second time adds nothing");
        new
    }

    #[test]
    fn what_is_there_stays() {
        let text = "[package] # mine\nname = 'a'\n\n[dependencies]\n# a list\nserde = { version='1' }   # odd\n\n\
                    [dev-dependencies]\ninsta = \"1\"\n\n[profile.release]\nlto = true\n";
        let expected = "[package] # mine\nname = 'a'\n\n[dependencies]\n# a list\nserde = { version='1' }   # odd\n\
                        tracked = { version = \"0.1\", features = [\"parking_lot_0_12\"] }\n\n\
                        [dev-dependencies]\ninsta = \"1\"\ntracked = { version = \"0.1\", features = [\"check\"] }\n\n\
                        [profile.release]\nlto = true\n";
        assert_eq!(added(text, &need(false, &["parking_lot_0_12"])), expected);
    }

    #[test]
    fn sections_are_added_where_there_are_none() {
        let new = added("[package]\nname = \"a\"\n", &need(false, &[]));
        assert!(new.starts_with("[package]\nname = \"a\"\n"), "{new}");
        assert!(new.contains("[dependencies]\ntracked = \"0.1\"\n"), "{new}");
        assert!(
            new.contains("[dev-dependencies]\ntracked = { version = \"0.1\", features = [\"check\"] }\n"),
            "{new}"
        );
        let dev = added("[package]\nname = \"a\"\n", &need(true, &[]));
        assert!(!dev.contains("[dependencies]") && dev.contains("[dev-dependencies]"), "{dev}");
    }

    #[test]
    fn sections_of_headers_get_another_header() {
        let text = "[package]\nname = \"a\"\n\n[dependencies.b]\nversion = \"1\"\n";
        let new = added(text, &need(false, &[]));
        assert!(new.contains("[dependencies.b]\nversion = \"1\"\n"), "{new}");
        assert!(new.contains("[dependencies.tracked]\nversion = \"0.1\"\n"), "{new}");
    }

    #[test]
    fn a_dependency_that_is_there_gets_what_it_lacks() {
        let text = "[dependencies]\ntracked = \"0.1\"\n[dev-dependencies]\ntracked = { path = \"x\", features = [\"check\"] }\n";
        let new = added(text, &need(false, &["parking_lot_0_13"]));
        assert!(new.contains("tracked = { version = \"0.1\", features = [\"parking_lot_0_13\"] }"), "{new}");
        assert!(new.contains("tracked = { path = \"x\", features = [\"check\"] }"), "{new}");
        assert_eq!(add_dependency(text, &need(false, &[])).unwrap(), None);
    }

    #[test]
    fn what_is_no_manifest_is_said() {
        let error = add_dependency("[dependencies", &need(false, &[])).unwrap_err().to_string();
        assert!(error.contains("line 1"), "{error}");
        let error = add_dependency("dependencies = 3", &need(false, &[])).unwrap_err().to_string();
        assert!(error.contains("`dependencies`"), "{error}");
    }
}
