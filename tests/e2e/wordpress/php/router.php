<?php
/** Serves a shared WordPress core, an instance's own wp-content, and a site in a subfolder, from `php -S`. */
$core    = getenv( 'WP_TEST_CORE' );
$content = getenv( 'WP_TEST_CONTENT' );
$base    = rtrim( (string) parse_url( getenv( 'WP_TEST_HOME' ), PHP_URL_PATH ), '/' );
$path    = rawurldecode( (string) parse_url( $_SERVER['REQUEST_URI'], PHP_URL_PATH ) );
if ( '' !== $base && 0 !== strpos( $path . '/', $base . '/' ) ) {
	http_response_code( 404 );
	echo 'nothing outside the subfolder';
	return true;
}
$inside = substr( $path, strlen( $base ) );
$file   = 0 === strpos( $inside, '/wp-content/' ) ? $content . substr( $inside, 11 ) : $core . $inside;
if ( is_dir( $file ) ) {
	$file = rtrim( $file, '/' ) . '/index.php';
	$path = rtrim( $path, '/' ) . '/index.php';
}
if ( false !== strpos( $inside, '..' ) || ! is_file( $file ) ) {
	$file = $core . '/index.php';
	$path = $base . '/index.php';
}
if ( '.php' !== substr( $file, -4 ) ) {
	$types = array( 'css' => 'text/css', 'js' => 'text/javascript', 'svg' => 'image/svg+xml' );
	$ending = pathinfo( $file, PATHINFO_EXTENSION );
	header( 'Content-Type: ' . ( $types[ $ending ] ?? mime_content_type( $file ) ) );
	readfile( $file );
	return true;
}
$_SERVER['SCRIPT_NAME']     = $path;
$_SERVER['PHP_SELF']        = $path;
$_SERVER['SCRIPT_FILENAME'] = $file;
chdir( dirname( $file ) );
require $file;
return true;
